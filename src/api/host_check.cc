// SPDX-License-Identifier: Apache-2.0
#include "api/host_check.h"

#include <algorithm>

#include "base/text.h"

namespace vm0::api {
namespace {

// "name:port", "[::1]:port": the name in lower case; empty if it is neither.
std::string NameOfHost(std::string_view host) {
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return "";
  const std::size_t colon = host.find(':', bracket);
  const std::string_view port = colon == std::string_view::npos ? "" : host.substr(colon + 1);
  if (!std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; })) return "";
  return ToLowerAscii(host.substr(0, colon));
}

}  // namespace

Status CheckHost(const http::Request& request, http::Transport transport,
                 const std::set<std::string>& names) {
  if (transport == http::Transport::kUnix) return {};
  const auto count = std::ranges::count_if(
      request.headers.all(), [](const auto& field) { return ToLowerAscii(field.first) == "host"; });
  if (count != 1) return Fail(Code::kBadRequest, "Send exactly one Host header");
  const std::string name = NameOfHost(TrimAscii(*request.headers.Find("host")));
  // "[::1]" may be listed with or without its brackets.
  const bool bare = name.size() > 2 && names.contains(name.substr(1, name.size() - 2));
  if (names.contains(name) || (name.starts_with('[') && bare)) return {};
  return Fail(Code::kMisdirected,
              "This server is not known by the name in the Host header; the names it knows are "
              "set where it is started (vm0 serve)");
}

}  // namespace vm0::api
