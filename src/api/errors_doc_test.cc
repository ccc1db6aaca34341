// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "os/file.h"

namespace vm0 {
namespace {

std::string ErrorsPage() {
  std::string page =
      "# Errors\n\n"
      "An error of the API is `{\"error\":{\"message\",\"code\",\"number\"?}}`. `message` is for "
      "people: it names the\nfield and says what to do; it may change. `code` does not. `number` "
      "is "
      "what the code speaks of: the\nnumber expected (`SEQUENCE_GAP`), the last one "
      "(`CURSOR_AHEAD`), the first there is (`EVENTS_PRUNED`).\n\n"
      "The CLI ends with the exit code beside it. This table is made from `VM0_ERROR_TABLE` in\n"
      "`src/base/error.h`: `VM0_UPDATE_GOLDEN=1 api_test` writes it anew.\n\n"
      "| code | HTTP status | exit code |\n|---|---|---|\n";
#define X(enumerator, name, status, exit)                                       \
  page += std::string("| `") + name + "` | " + std::to_string(status) + " | " + \
          std::to_string(static_cast<int>(ExitCode::exit)) + " |\n";
  VM0_ERROR_TABLE(X)
#undef X
  return page;
}

TEST(ErrorsPage, IsTheErrorTableOfTheCode) {
  const std::string path = std::string(VM0_SOURCE_DIR) + "/docs/errors.md";
  if (std::getenv("VM0_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(os::WriteFileAtomic(path, ErrorsPage(), 0644));
  }
  const auto page = os::ReadFile(path);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(*page, ErrorsPage());
}

}  // namespace
}  // namespace vm0
