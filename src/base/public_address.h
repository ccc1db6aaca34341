// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/host_rule.h"

namespace vm0 {

// The addresses that begin with `prefix` bits of `address`.
struct AddressNetwork {
  AddressBytes address{};
  int prefix = 128;

  // Of an IPv4 network, as ::ffff:a.b.c.d/(96 + prefix).
  static constexpr AddressNetwork V4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                                     int prefix) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + prefix};
  }
  bool Contains(const AddressBytes& other) const;
};

// The IPv4 address that a NAT64 would take this one for, if it is of its range.
std::optional<AddressBytes> Untranslated(const AddressBytes& address);

// Whether all of it is of the public internet: not loopback, private, link-local, shared, multicast
// or reserved, nor IPv4 of these kinds in a form of IPv6.
bool IsPublic(const AddressNetwork& network);
inline bool IsPublic(const AddressBytes& address) { return IsPublic(AddressNetwork{address}); }

}  // namespace vm0
