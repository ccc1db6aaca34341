// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/client.h"

namespace vm0::e2b {

// Whose sandboxes we use, and where E2B is: the variables that E2B's own SDKs read. A value.
struct Account {
  std::string api_key;                      // E2B_API_KEY
  std::string domain;                       // E2B_DOMAIN, or "e2b.app"
  http::Endpoint api;                       // E2B_API_URL, or https://api.<domain>
  std::optional<http::Endpoint> sandboxes;  // E2B_SANDBOX_URL: one address for all of them
};

// The value of a variable; nullopt when it is not set or empty.
using Variables = std::function<std::optional<std::string>(const std::string& name)>;

// nullopt without E2B_API_KEY. kBadRequest naming the variable that is no URL or no domain.
Result<std::optional<Account>> FindAccount(const Variables& variables);

}  // namespace vm0::e2b
