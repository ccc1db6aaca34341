// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vm0 {

// An IPv6 address in network order; an IPv4 address as ::ffff:a.b.c.d.
using AddressBytes = std::array<std::uint8_t, 16>;

// A host as a URL or a rule names it.
struct HostName {
  std::string text;                     // lower case, no dot at the end, no brackets
  std::optional<AddressBytes> address;  // set for an address literal; then `text` is its usual form
};
// A name of letters, digits, '-' and '_' in labels, IPv4 in four decimal numbers, or IPv6 without
// brackets and zone. kBadRequest for all else: also for what is not ASCII, and for numbers that
// only a C library takes for an address ("0x7f.1", "2130706433", "127.1", "0177.0.0.1").
Result<HostName> ParseHostName(std::string_view text);

// "443": 1 to 65535, digits only.
std::optional<std::uint16_t> ParsePort(std::string_view text);

// One rule of an allow-list or a deny-list. Forms: docs/network.md.
struct HostRule {
  enum class Kind {
    kName,     // that host
    kBelow,    // every host below it, not itself
    kNetwork,  // addresses that begin with `prefix` bits of `network`
  };
  Kind kind = Kind::kName;
  std::string name;
  AddressBytes network{};
  int prefix = 128;
  // Without a port: 80 and 443.
  enum class Ports { kWeb, kOne, kAll };
  Ports ports = Ports::kWeb;
  std::uint16_t port = 0;  // kOne

  bool MatchesPort(std::uint16_t other) const;
  bool MatchesName(std::string_view host) const;     // of a HostName; false for kNetwork
  bool Contains(const AddressBytes& address) const;  // false for names
};
// kBadRequest naming the rule and what is wrong with it.
Result<HostRule> ParseHostRule(std::string_view text);

}  // namespace vm0
