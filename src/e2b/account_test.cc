// SPDX-License-Identifier: Apache-2.0
#include "e2b/account.h"

#include <gmock/gmock.h>

#include <map>

namespace vm0::e2b {
namespace {

using testing::HasSubstr;

Result<std::optional<Account>> Find(std::map<std::string, std::string> variables) {
  return FindAccount([variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Account, IsThereWithAKey) {
  EXPECT_EQ(Find({})->has_value(), false);
  const auto account = Find({{"E2B_API_KEY", "e2b_1"}}).value().value();
  EXPECT_EQ(account.api_key, "e2b_1");
  EXPECT_EQ(account.api.ToString(), "https://api.e2b.app");
  EXPECT_EQ(account.domain, "e2b.app");
  EXPECT_FALSE(account.sandboxes);
}

TEST(Account, MayBeOfAnotherE2b) {
  const auto own = Find({{"E2B_API_KEY", "k"}, {"E2B_DOMAIN", "e2b.example.com"}}).value().value();
  EXPECT_EQ(own.api.ToString(), "https://api.e2b.example.com");
  const auto local = Find({{"E2B_API_KEY", "k"},
                           {"E2B_API_URL", "http://127.0.0.1:3000"},
                           {"E2B_SANDBOX_URL", "http://127.0.0.1:3001"}})
                         .value()
                         .value();
  EXPECT_EQ(local.api.ToString(), "http://127.0.0.1:3000");
  EXPECT_EQ(local.sandboxes->ToString(), "http://127.0.0.1:3001");
}

TEST(Account, NamesTheVariableThatIsWrong) {
  EXPECT_THAT(Find({{"E2B_API_KEY", "two words"}}).error().message, HasSubstr("E2B_API_KEY"));
  EXPECT_THAT(Find({{"E2B_API_KEY", "k"}, {"E2B_API_URL", "ftp:x"}}).error().message,
              HasSubstr("E2B_API_URL"));
  EXPECT_THAT(Find({{"E2B_API_KEY", "k"}, {"E2B_SANDBOX_URL", "?"}}).error().message,
              HasSubstr("E2B_SANDBOX_URL"));
}

}  // namespace
}  // namespace vm0::e2b
