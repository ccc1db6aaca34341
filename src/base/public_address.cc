// SPDX-License-Identifier: Apache-2.0
#include "base/public_address.h"

#include <algorithm>
#include <array>
#include <span>

namespace vm0 {
namespace {

constexpr auto V4 = AddressNetwork::V4;

constexpr AddressNetwork kMapped = V4(0, 0, 0, 0, 0);
// IANA's special-purpose registry, and Azure's own 168.63.129.16.
constexpr std::array kNotPublicV4 = {
    V4(0, 0, 0, 0, 8),      V4(10, 0, 0, 0, 8),       V4(100, 64, 0, 0, 10),
    V4(127, 0, 0, 0, 8),    V4(169, 254, 0, 0, 16),   V4(172, 16, 0, 0, 12),
    V4(192, 0, 0, 0, 24),   V4(192, 0, 2, 0, 24),     V4(192, 88, 99, 0, 24),
    V4(192, 168, 0, 0, 16), V4(198, 18, 0, 0, 15),    V4(198, 51, 100, 0, 24),
    V4(203, 0, 113, 0, 24), V4(168, 63, 129, 16, 32), V4(224, 0, 0, 0, 4),
    V4(240, 0, 0, 0, 4),
};
// What of IPv6 is given out at all, and what is special in it: protocol assignments with Teredo,
// documentation, 6to4.
constexpr AddressNetwork kUnicastV6 = {{0x20}, 3};
constexpr std::array kNotPublicV6 = {
    AddressNetwork{{0x20, 0x01, 0x00}, 23},
    AddressNetwork{{0x20, 0x01, 0x0d, 0xb8}, 32},
    AddressNetwork{{0x20, 0x02}, 16},
    AddressNetwork{{0x3f, 0xff, 0x00}, 20},
};
// IPv4 behind it (NAT64).
constexpr AddressNetwork kTranslated = {{0x00, 0x64, 0xff, 0x9b}, 96};

bool Overlap(const AddressNetwork& a, const AddressNetwork& b) {
  return a.Contains(b.address) || b.Contains(a.address);
}

bool OverlapsAny(const AddressNetwork& network, std::span<const AddressNetwork> others) {
  return std::ranges::any_of(others, [&](const auto& other) { return Overlap(network, other); });
}

bool LiesIn(const AddressNetwork& inner, const AddressNetwork& outer) {
  return inner.prefix >= outer.prefix && outer.Contains(inner.address);
}

}  // namespace

bool AddressNetwork::Contains(const AddressBytes& other) const {
  for (int bit = 0; bit < prefix; ++bit) {
    const auto index = static_cast<std::size_t>(bit / 8);
    const int difference = other[index] ^ address[index];
    if ((difference & (0x80 >> (bit % 8))) != 0) return false;
  }
  return true;
}

std::optional<AddressBytes> Untranslated(const AddressBytes& address) {
  if (!kTranslated.Contains(address)) return std::nullopt;
  AddressBytes inner = kMapped.address;
  std::copy(address.begin() + 12, address.end(), inner.begin() + 12);
  return inner;
}

bool IsPublic(const AddressNetwork& network) {
  if (LiesIn(network, kMapped)) return !OverlapsAny(network, kNotPublicV4);
  if (LiesIn(network, kTranslated)) {
    return IsPublic(AddressNetwork{*Untranslated(network.address), network.prefix});
  }
  return LiesIn(network, kUnicastV6) && !OverlapsAny(network, kNotPublicV6);
}

}  // namespace vm0
