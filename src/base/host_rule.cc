// SPDX-License-Identifier: Apache-2.0
#include "base/host_rule.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"

namespace vm0 {
namespace {

constexpr AddressBytes kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int kMappedBits = 96;
constexpr std::size_t kLongestName = 253;
constexpr std::size_t kLongestLabel = 63;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

std::unexpected<Error> Bad(std::string message) {
  return Fail(Code::kBadRequest, std::move(message));
}

bool IsMapped(const AddressBytes& address) {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.begin() + 12, address.begin());
}

std::optional<AddressBytes> ParseAddress(const std::string& text) {
  AddressBytes bytes = kMappedPrefix;
  if (::inet_pton(AF_INET, text.c_str(), bytes.data() + 12) == 1) return bytes;
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

std::string FormatAddress(const AddressBytes& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (IsMapped(address)) {
    ::inet_ntop(AF_INET, address.data() + 12, text, sizeof text);
  } else {
    ::inet_ntop(AF_INET6, address.data(), text, sizeof text);
  }
  return text;
}

bool IsLabel(std::string_view label) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= kLongestLabel && std::ranges::all_of(label, is_allowed);
}

// What a C library takes for a part of an IPv4 address. No top-level domain is like that.
bool IsNumber(std::string_view label) {
  if (label.starts_with("0x")) return std::ranges::all_of(label.substr(2), IsHexDigit);
  return std::ranges::all_of(label, IsDigit);
}

Status CheckName(std::string_view name) {
  const bool is_ascii = std::ranges::none_of(name, [](char c) { return c < 0; });
  if (!is_ascii) return Bad("it is not ASCII; write it as the DNS has it (xn--…)");
  const auto labels = Split(name, '.');
  if (name.size() > kLongestName || !std::ranges::all_of(labels, IsLabel)) {
    return Bad("it is neither a host name nor an address");
  }
  if (IsNumber(labels.back())) return Bad("write an IPv4 address as four decimal numbers");
  return {};
}

struct HostAndPort {
  std::string_view host;
  std::string_view port;  // empty: none
  bool bracketed = false;
};

Result<HostAndPort> SplitPort(std::string_view text) {
  HostAndPort parts;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return Bad("']' is missing");
    parts.host = text.substr(1, end - 1);
    parts.port = text.substr(end + 1);
    parts.bracketed = true;
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    parts.host = text.substr(0, colon);
    parts.port = text.substr(colon);
  }
  if (parts.port.empty()) return parts;
  if (parts.port.front() != ':') return Bad("only a port may follow ']'");
  parts.port.remove_prefix(1);
  if (parts.port.contains(':')) return Bad("write an IPv6 address in brackets: [fd00::1]:443");
  if (parts.port.empty()) return Bad("the port is missing behind ':'");
  return parts;
}

Status ParsePorts(std::string_view text, HostRule& rule) {
  if (text.empty()) return {};
  rule.ports = HostRule::Ports::kAll;
  if (text == "*") return {};
  const auto port = ParsePort(text);
  if (!port) return Bad("the port must be 1 to 65535, or *");
  rule.ports = HostRule::Ports::kOne;
  rule.port = *port;
  return {};
}

void ClearHostBits(AddressBytes& address, int prefix) {
  for (int bit = prefix; bit < 128; ++bit) {
    address[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80 >> (bit % 8)));
  }
}

Status ParseNetwork(std::string_view text, HostRule& rule) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  VM0_ASSIGN(const HostName host, ParseHostName(text.substr(0, slash)));
  if (!host.address) return Bad("only an address can have a prefix length");
  rule.kind = HostRule::Kind::kNetwork;
  rule.network = *host.address;
  if (slash == text.size()) return {};
  const std::string_view digits = text.substr(slash + 1);
  const int base = IsMapped(rule.network) ? kMappedBits : 0;
  const auto bits =
      digits.size() <= 3 && std::ranges::all_of(digits, IsDigit) ? ParseInt(digits) : std::nullopt;
  if (!bits || base + *bits > 128) return Bad("the prefix length is out of range");
  rule.prefix = base + static_cast<int>(*bits);
  ClearHostBits(rule.network, rule.prefix);
  return {};
}

Status ParseRuleHost(const HostAndPort& parts, HostRule& rule) {
  std::string_view text = parts.host;
  if (parts.bracketed != text.contains(':')) return Bad("brackets are for IPv6 addresses");
  if (text.contains('/')) return ParseNetwork(text, rule);
  if (text.starts_with("*.")) {
    rule.kind = HostRule::Kind::kBelow;
    text.remove_prefix(2);
  }
  if (text.contains('*')) return Bad("'*' may only stand for what is below a host: *.example.com");
  VM0_ASSIGN(HostName host, ParseHostName(text));
  if (!host.address) {
    rule.name = std::move(host.text);
    return {};
  }
  if (rule.kind == HostRule::Kind::kBelow) return Bad("nothing is below an address");
  return ParseNetwork(text, rule);
}

// The prefix length of IPv6 stands behind the bracket: [fd00::]/8:443 is taken as [fd00::/8]:443.
std::string MovePrefixInside(std::string_view text) {
  const std::size_t end = text.find("]/");
  if (!text.starts_with('[') || end == std::string_view::npos) return std::string(text);
  const std::size_t colon = std::min(text.find(':', end), text.size());
  std::string moved(text.substr(0, end));
  moved += text.substr(end + 1, colon - end - 1);
  return moved.append("]").append(text.substr(colon));
}

Result<HostRule> ParseParts(std::string_view text) {
  HostRule rule;
  const std::string normal = MovePrefixInside(text);
  VM0_ASSIGN(const HostAndPort parts, SplitPort(normal));
  VM0_TRY(ParseRuleHost(parts, rule));
  VM0_TRY(ParsePorts(parts.port, rule));
  return rule;
}

}  // namespace

Result<HostName> ParseHostName(std::string_view text) {
  std::string host = ToLowerAscii(text);
  if (host.ends_with('.')) host.pop_back();
  // inet_pton stops at a NUL.
  const auto address = host.contains('\0') ? std::nullopt : ParseAddress(host);
  if (address) return HostName{FormatAddress(*address), address};
  VM0_TRY(CheckName(host));
  return HostName{std::move(host), std::nullopt};
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  if (text.empty() || text.size() > 5 || !std::ranges::all_of(text, IsDigit)) return std::nullopt;
  const auto port = ParseInt(text);
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

bool HostRule::MatchesPort(std::uint16_t other) const {
  switch (ports) {
    case Ports::kWeb:
      return other == 80 || other == 443;
    case Ports::kOne:
      return other == port;
    case Ports::kAll:
      break;
  }
  return true;
}

bool HostRule::MatchesName(std::string_view host) const {
  if (kind == Kind::kName) return host == name;
  if (kind == Kind::kNetwork || host.size() <= name.size()) return false;
  return host.ends_with(name) && host[host.size() - name.size() - 1] == '.';
}

bool HostRule::Contains(const AddressBytes& address) const {
  if (kind != Kind::kNetwork) return false;
  AddressBytes masked = address;
  ClearHostBits(masked, prefix);
  return masked == network;
}

Result<HostRule> ParseHostRule(std::string_view text) {
  auto rule = ParseParts(text);
  if (rule) return rule;
  return Bad("rule \"" + ReplaceInvalidUtf8(text) + "\": " + rule.error().message +
             " (forms: example.com:443, example.com, *.example.com:443, 10.0.0.0/8:5432, "
             "[fd00::1]:443)");
}

}  // namespace vm0
