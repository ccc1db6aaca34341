// SPDX-License-Identifier: Apache-2.0
#include "e2b/account.h"

#include <algorithm>
#include <utility>

namespace vm0::e2b {
namespace {

constexpr const char* kDefaultDomain = "e2b.app";

Result<http::Endpoint> ParseUrl(const std::string& name, const std::string& url) {
  auto endpoint = http::Endpoint::Parse(url);
  if (!endpoint) return Fail(Code::kBadRequest, name + ": " + endpoint.error().message);
  return endpoint;
}

// It becomes a part of URLs and of a header.
bool IsPlain(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

Result<std::optional<Account>> FindAccount(const Variables& variables) {
  auto key = variables("E2B_API_KEY");
  if (!key) return std::nullopt;
  if (!IsPlain(*key)) return Fail(Code::kBadRequest, "E2B_API_KEY: is no API key of E2B");
  Account account;
  account.api_key = std::move(*key);
  account.domain = variables("E2B_DOMAIN").value_or(kDefaultDomain);
  const std::string api = variables("E2B_API_URL").value_or("https://api." + account.domain);
  VM0_ASSIGN(account.api, ParseUrl(variables("E2B_API_URL") ? "E2B_API_URL" : "E2B_DOMAIN", api));
  if (const auto sandboxes = variables("E2B_SANDBOX_URL")) {
    VM0_ASSIGN(account.sandboxes, ParseUrl("E2B_SANDBOX_URL", *sandboxes));
  }
  return account;
}

}  // namespace vm0::e2b
