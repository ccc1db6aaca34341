// SPDX-License-Identifier: Apache-2.0
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/text.h"
#include "http/client.h"

namespace vm0::http {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

std::unexpected<Error> BadUrl(const std::string& url, std::string_view reason) {
  return Fail(Code::kBadRequest, "server URL \"" + url + "\": " + std::string(reason) +
                                     "; must be http://HOST[:PORT], https://HOST[:PORT] or "
                                     "unix:/PATH");
}

}  // namespace

Result<Endpoint> Endpoint::Parse(const std::string& url) {
  Endpoint endpoint;
  if (url.starts_with(kUnixPrefix)) {
    endpoint.kind = Kind::kUnix;
    endpoint.host = url.substr(kUnixPrefix.size());
    if (!endpoint.host.starts_with('/')) return BadUrl(url, "the socket's path is not absolute");
    return endpoint;
  }
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return BadUrl(url, "not a URL");
  if (parsed->scheme_id() == boost::urls::scheme::https) {
    endpoint.kind = Kind::kHttps;
  } else if (parsed->scheme_id() != boost::urls::scheme::http) {
    return BadUrl(url, "unknown scheme");
  }
  if (parsed->host().empty()) return BadUrl(url, "no host");
  if (parsed->has_userinfo()) return BadUrl(url, "has a user name; give a token instead");
  if (parsed->has_query() || parsed->has_fragment()) return BadUrl(url, "has a query");
  endpoint.host = parsed->host_address();
  endpoint.port = parsed->port();
  if (endpoint.port.empty()) endpoint.port = endpoint.kind == Kind::kHttps ? "443" : "80";
  const auto port = ParseInt(endpoint.port);
  if (!port || *port < 1 || *port > 65535) return BadUrl(url, "bad port");
  endpoint.base_path = parsed->encoded_path();
  // Boost takes the "x" of "http://h:80x" for a path.
  if (!endpoint.base_path.empty() && endpoint.base_path.front() != '/') {
    return BadUrl(url, "bad port");
  }
  while (endpoint.base_path.ends_with('/')) endpoint.base_path.pop_back();
  return endpoint;
}

std::string Endpoint::ToString() const {
  if (kind == Kind::kUnix) return "unix:" + host;
  return (kind == Kind::kHttps ? "https://" : "http://") + Authority() + base_path;
}

std::string Endpoint::Authority() const {
  if (kind == Kind::kUnix) return "localhost";
  const std::string name = host.contains(':') ? "[" + host + "]" : host;
  const bool is_default = port == (kind == Kind::kHttps ? "443" : "80");
  return is_default ? name : name + ":" + port;
}

}  // namespace vm0::http
