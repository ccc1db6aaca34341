// SPDX-License-Identifier: Apache-2.0
#include "egress/forwarded_request.h"

#include <algorithm>
#include <optional>

#include "base/host_rule.h"
#include "base/text.h"

namespace vm0::egress {
namespace {

void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

// The value with the credential, when a placeholder is all of it, or all behind "Bearer ". With
// more of the agent's own around, a server that says the beginning of a value back, cut at a
// length, would tell the credential letter by letter.
std::optional<std::string> WithCredential(const Gateway& gateway, const std::string& value) {
  constexpr std::string_view kBearer = "Bearer ";
  const bool bears = SameName(value.substr(0, kBearer.size()), kBearer);
  const std::string scheme = value.substr(0, bears ? kBearer.size() : 0);
  const auto found = gateway.credentials.find(value.substr(scheme.size()));
  if (found == gateway.credentials.end()) return std::nullopt;
  return scheme + found->second;
}

Result<std::vector<Field>> WithCredentials(const Gateway& gateway, std::vector<Field> fields) {
  bool found = false;
  for (Field& field : fields) {
    auto value = WithCredential(gateway, field.value);
    if (!value) continue;
    found = true;
    if (HasControl(*value)) {
      return Fail(Code::kUnreachable,
                  "the run's credential has a line break or another control character in it; set "
                  "it again without");
    }
    field.value = std::move(*value);
  }
  if (found) return fields;
  return Fail(Code::kUnauthorized,
              "the request has none of the credentials that this run's agent was given");
}

}  // namespace

Status CheckMethod(std::string_view method) {
  const std::string name = ToLowerAscii(method);
  if (name != "trace" && name != "track") return {};
  return Fail(Code::kBadRequest, "the method " + std::string(method) + " is not forwarded");
}

std::string FormatRequest(const RequestHead& head, std::string_view origin, std::string_view host,
                          Framing framing, const std::vector<Field>& fields) {
  std::string text = head.method;
  text.append(" ").append(origin).append(" HTTP/1.1\r\n");
  AppendField(text, "Host", host);
  for (const Field& field : fields) AppendField(text, field.name, field.value);
  if (framing.kind == Framing::Kind::kLength) {
    AppendField(text, "Content-Length", std::to_string(framing.length));
  } else if (framing.kind == Framing::Kind::kChunked) {
    AppendField(text, "Transfer-Encoding", "chunked");
  }
  AppendField(text, "Connection", "close");
  return text + "\r\n";
}

Result<Authority> AuthorityOf(const http::Endpoint& upstream) {
  VM0_ASSIGN(HostName host, ParseHostName(upstream.host));
  const auto port = ParsePort(upstream.port);
  if (!port) return Fail(Code::kBadRequest, "the port of " + upstream.ToString() + " is none");
  return Authority{std::move(host.text), *port};
}

Result<std::string> FormatGatewayRequest(const Gateway& gateway, const RequestHead& head,
                                         std::string_view origin, Framing framing) {
  VM0_TRY(CheckMethod(head.method));
  std::vector<Field> fields;
  for (Field& field : EndToEnd(head.fields)) {
    if (!SameName(field.name, "Accept-Encoding")) fields.push_back(std::move(field));
  }
  VM0_ASSIGN(fields, WithCredentials(gateway, std::move(fields)));
  // What is compressed can't be searched for the credentials.
  fields.push_back({"Accept-Encoding", "identity"});
  const std::string target = gateway.upstream.base_path + std::string(origin);
  return FormatRequest(head, target, gateway.upstream.Authority(), framing, fields);
}

Replacer MakeAnswerReplacer(const Gateway& gateway) {
  std::vector<Replacer::Pair> pairs;
  for (const auto& [placeholder, credential] : gateway.credentials) {
    const bool is_long = credential.size() >= Gateway::kShortest;
    if (is_long && credential.size() == placeholder.size()) {
      pairs.push_back({credential, placeholder});
    }
  }
  return Replacer(std::move(pairs));
}

}  // namespace vm0::egress
