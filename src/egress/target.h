// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vm0::egress {

// Whom a request is for.
struct Authority {
  std::string host;  // as ParseHostName gives it: no brackets
  std::uint16_t port = 0;

  std::string ToString() const;  // "example.com:443", "[::1]:80"
  // The value of Host for plain HTTP.
  std::string HostField() const;
  bool operator==(const Authority&) const = default;
};

// The target of CONNECT: "example.com:443". kBadRequest otherwise.
Result<Authority> ParseConnectTarget(std::string_view target);

// The target of a request to a proxy, "http://example.com/path?query", taken apart.
struct AbsoluteTarget {
  Authority authority;
  std::string origin;  // "/path?query"
};
// kBadRequest for another scheme, a user name, a fragment, and what is no host.
Result<AbsoluteTarget> ParseAbsoluteTarget(std::string_view target);

// "/path" of "/path?query".
std::string PathOf(std::string_view origin);

}  // namespace vm0::egress
