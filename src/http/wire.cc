// SPDX-License-Identifier: Apache-2.0
#include "http/wire.h"

#include <charconv>

#include "base/text.h"
#include "http/parser.h"

namespace vm0::http {
namespace {

// Without line breaks, which would begin another field.
void AppendClean(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 0x20 && byte != 0x7f) || c == '\t') out += c;
  }
}

void AppendField(std::string& out, std::string_view name, std::string_view value) {
  AppendClean(out, name);
  out += ": ";
  AppendClean(out, value);
  out += "\r\n";
}

bool FramesTheMessage(std::string_view name) {
  const std::string lower = ToLowerAscii(name);
  return lower == "content-length" || lower == "transfer-encoding" || lower == "connection";
}

}  // namespace

std::string FormatResponseHead(const ResponseHead& head, const Headers& headers) {
  std::string out = "HTTP/1.1 " + std::to_string(head.status) + " ";
  out.append(ReasonPhrase(head.status)) += "\r\n";
  for (const auto& [name, value] : headers.all()) {
    if (!FramesTheMessage(name)) AppendField(out, name, value);
  }
  if (head.framing == Framing::kLength) {
    AppendField(out, "Content-Length", std::to_string(head.length));
  } else if (head.framing == Framing::kChunked) {
    AppendField(out, "Transfer-Encoding", "chunked");
  }
  if (!head.connection.empty()) AppendField(out, "Connection", head.connection);
  return out += "\r\n";
}

std::string FormatRequestHead(const Request& request, std::string_view base_path,
                              std::string_view host, std::optional<std::size_t> body_size) {
  std::string out;
  AppendClean(out, request.method);
  out += ' ';
  AppendClean(out, base_path);
  AppendClean(out, request.target);
  out += " HTTP/1.1\r\n";
  if (!request.headers.Find("Host")) AppendField(out, "Host", host);
  for (const auto& [name, value] : request.headers.all()) {
    if (!FramesTheMessage(name)) AppendField(out, name, value);
  }
  if (request.headers.Find("Upgrade")) AppendField(out, "Connection", "Upgrade");
  const bool bodiless = request.method == "GET" || request.method == "HEAD";
  const std::size_t size = body_size.value_or(request.body.size());
  if (!bodiless || size > 0) AppendField(out, "Content-Length", std::to_string(size));
  return out += "\r\n";
}

std::string FormatChunkSize(std::size_t size) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, size, 16).ptr;
  return std::string(digits, end) + "\r\n";
}

}  // namespace vm0::http
