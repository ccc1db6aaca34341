// SPDX-License-Identifier: Apache-2.0
#include "egress/rules.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address_v6.hpp>
#include <span>

namespace vm0::egress {
namespace {

namespace ip = boost::asio::ip;

struct Network {
  AddressBytes address;
  int prefix;
};

constexpr Network V4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, int prefix) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + prefix};
}

constexpr Network kMapped = V4(0, 0, 0, 0, 0);
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
constexpr Network kUnicastV6 = {{0x20}, 3};
constexpr std::array kNotPublicV6 = {
    Network{{0x20, 0x01, 0x00}, 23},
    Network{{0x20, 0x01, 0x0d, 0xb8}, 32},
    Network{{0x20, 0x02}, 16},
    Network{{0x3f, 0xff, 0x00}, 20},
};
// IPv4 behind it (NAT64).
constexpr Network kTranslated = {{0x00, 0x64, 0xff, 0x9b}, 96};

// What clouds tell their machines about themselves: credentials.
constexpr std::array kMetadata = {
    V4(169, 254, 169, 254, 32),
    V4(169, 254, 170, 2, 32),
    V4(100, 100, 100, 200, 32),
    V4(168, 63, 129, 16, 32),
    Network{{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128},
};

bool IsIn(const AddressBytes& address, const Network& network) {
  for (int bit = 0; bit < network.prefix; ++bit) {
    const auto index = static_cast<std::size_t>(bit / 8);
    const int difference = address[index] ^ network.address[index];
    if ((difference & (0x80 >> (bit % 8))) != 0) return false;
  }
  return true;
}

bool IsInAny(const AddressBytes& address, std::span<const Network> networks) {
  return std::ranges::any_of(networks, [&](const Network& n) { return IsIn(address, n); });
}

bool IsPublicBytes(const AddressBytes& address) {
  if (IsIn(address, kMapped)) return !IsInAny(address, kNotPublicV4);
  if (!IsIn(address, kTranslated)) {
    return IsIn(address, kUnicastV6) && !IsInAny(address, kNotPublicV6);
  }
  AddressBytes inner = kMapped.address;
  std::copy(address.begin() + 12, address.end(), inner.begin() + 12);
  return IsPublicBytes(inner);
}

// The address itself, and the IPv4 address that a NAT64 would take it for.
bool IsMetadata(const AddressBytes& address) {
  if (!IsIn(address, kTranslated)) return IsInAny(address, kMetadata);
  AddressBytes inner = kMapped.address;
  std::copy(address.begin() + 12, address.end(), inner.begin() + 12);
  return IsInAny(inner, kMetadata);
}

std::string Shown(std::string_view host, std::uint16_t port) {
  const std::string name = host.contains(':') ? "[" + std::string(host) + "]" : std::string(host);
  return name + ":" + std::to_string(port);
}

std::unexpected<Error> Refuse(std::string message) {
  return Fail(Code::kForbidden, std::move(message));
}

bool Matches(const HostRule& rule, const HostName& host, std::uint16_t port) {
  if (!rule.MatchesPort(port)) return false;
  return host.address ? rule.Contains(*host.address) : rule.MatchesName(host.text);
}

bool AnyMatches(const std::vector<HostRule>& rules, const HostName& host, std::uint16_t port) {
  return std::ranges::any_of(rules,
                             [&](const HostRule& rule) { return Matches(rule, host, port); });
}

Result<std::vector<HostRule>> ParseAll(const std::vector<std::string>& texts) {
  std::vector<HostRule> rules;
  for (const std::string& text : texts) {
    VM0_ASSIGN(HostRule rule, ParseHostRule(text));
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

Result<Rules> Rules::Parse(const std::vector<std::string>& allow,
                           const std::vector<std::string>& deny) {
  Rules rules;
  VM0_ASSIGN(rules.allow_, ParseAll(allow));
  VM0_ASSIGN(rules.deny_, ParseAll(deny));
  return rules;
}

Status Rules::CheckHost(std::string_view host, std::uint16_t port) const {
  const auto name = ParseHostName(host);
  if (!name) return Refuse("the host is refused: " + name.error().message);
  const std::string shown = Shown(name->text, port);
  if (AnyMatches(deny_, *name, port)) return Refuse(shown + " is denied by this server");
  if (AnyMatches(allow_, *name, port)) return {};
  return Refuse(shown +
                " is not on the run's allow-list; to let the agent reach it, add it to allow:");
}

Status Rules::CheckAddress(std::string_view host, const ip::address& address,
                           std::uint16_t port) const {
  const HostName literal{address.to_string(), BytesOf(address)};
  const std::string shown = Shown(literal.text, port);
  const std::string found = host == literal.text ? shown : Shown(host, port) + " is at " + shown;
  if (AnyMatches(deny_, literal, port)) return Refuse(found + ", which is denied by this server");
  const auto names_it = [&](const HostRule& rule) {
    const bool wide = rule.prefix < 128 && IsMetadata(*literal.address);
    return !wide && Matches(rule, literal, port);
  };
  if (std::ranges::any_of(allow_, names_it)) return {};
  if (IsPublicBytes(*literal.address)) return {};
  return Refuse(found +
                ", which is not a public address; to let the agent reach it, add that "
                "address to allow: too");
}

AddressBytes BytesOf(const ip::address& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
}

bool IsPublic(const ip::address& address) { return IsPublicBytes(BytesOf(address)); }

}  // namespace vm0::egress
