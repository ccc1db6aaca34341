// SPDX-License-Identifier: Apache-2.0
#include "egress/rules.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address_v6.hpp>

#include "base/public_address.h"

namespace vm0::egress {
namespace {

namespace ip = boost::asio::ip;

constexpr auto V4 = AddressNetwork::V4;

// What clouds tell their machines about themselves: credentials.
constexpr std::array kMetadata = {
    V4(169, 254, 169, 254, 32),
    V4(169, 254, 170, 2, 32),
    V4(100, 100, 100, 200, 32),
    V4(168, 63, 129, 16, 32),
    AddressNetwork{{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128},
};

// The address itself, and the IPv4 address that a NAT64 would take it for.
bool IsMetadata(const AddressBytes& address) {
  const AddressBytes meant = Untranslated(address).value_or(address);
  return std::ranges::any_of(kMetadata, [&](const auto& known) { return known.Contains(meant); });
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
  for (HostRule& rule : rules.deny_) {
    if (rule.ports == HostRule::Ports::kWeb) rule.ports = HostRule::Ports::kAll;
  }
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
  if (vm0::IsPublic(*literal.address)) return {};
  return Refuse(found +
                ", which is not a public address; to let the agent reach it, add that "
                "address to allow: too");
}

AddressBytes BytesOf(const ip::address& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
}

bool IsPublic(const ip::address& address) { return vm0::IsPublic(BytesOf(address)); }

}  // namespace vm0::egress
