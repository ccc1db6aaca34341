// SPDX-License-Identifier: Apache-2.0
#include "egress/target.h"

#include <algorithm>

#include "base/host_rule.h"
#include "base/text.h"

namespace vm0::egress {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::uint16_t kHttpPort = 80;

std::unexpected<Error> Bad(std::string message) {
  return Fail(Code::kBadRequest, std::move(message));
}

Result<std::string> ParseHost(std::string_view text) {
  const bool bracketed = text.starts_with('[') && text.ends_with(']');
  if (bracketed != text.contains(':')) return Bad("the target's host is none");
  if (bracketed) text = text.substr(1, text.size() - 2);
  const auto host = ParseHostName(text);
  if (!host) return Bad("the target's host is refused: " + host.error().message);
  return host->text;
}

// `default_port` 0: there must be one.
Result<Authority> ParseAuthority(std::string_view text, std::uint16_t default_port) {
  if (text.contains('@')) return Bad("the target has a user name in it");
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  Authority authority;
  VM0_ASSIGN(authority.host, ParseHost(has_port ? text.substr(0, colon) : text));
  authority.port = default_port;
  if (!has_port && default_port != 0) return authority;
  const auto port = has_port ? ParsePort(text.substr(colon + 1)) : std::nullopt;
  if (!port) return Bad("the target's port must be 1 to 65535");
  authority.port = *port;
  return authority;
}

std::string Bracketed(const std::string& host) {
  return host.contains(':') ? "[" + host + "]" : host;
}

}  // namespace

std::string Authority::ToString() const { return Bracketed(host) + ":" + std::to_string(port); }

std::string Authority::HostField() const {
  return port == kHttpPort ? Bracketed(host) : ToString();
}

Result<Authority> ParseConnectTarget(std::string_view target) { return ParseAuthority(target, 0); }

Result<AbsoluteTarget> ParseAbsoluteTarget(std::string_view target) {
  if (ToLowerAscii(target.substr(0, kScheme.size())) != kScheme) {
    return Bad("only http:// targets are forwarded; for https use CONNECT");
  }
  if (target.contains('#')) return Bad("the target has a fragment");
  const std::string_view rest = target.substr(kScheme.size());
  const std::size_t end = std::min(rest.find_first_of("/?\\"), rest.size());
  AbsoluteTarget result;
  VM0_ASSIGN(result.authority, ParseAuthority(rest.substr(0, end), kHttpPort));
  const std::string_view origin = rest.substr(end);
  if (!origin.starts_with('/')) result.origin = "/";
  result.origin += origin;
  return result;
}

std::string PathOf(std::string_view origin) {
  return std::string(origin.substr(0, origin.find('?')));
}

}  // namespace vm0::egress
