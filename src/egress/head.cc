// SPDX-License-Identifier: Apache-2.0
#include "egress/head.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"

namespace vm0::egress {
namespace {

constexpr std::size_t kMaxMethod = 32;
constexpr std::size_t kMaxFields = 256;
constexpr std::size_t kMaxLengthDigits = 18;

std::unexpected<Error> Bad(std::string message) {
  return Fail(Code::kBadRequest, std::move(message));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsTokenCharacter(char c) {
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return is_letter || IsDigit(c) || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").contains(c));
}
bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, IsTokenCharacter);
}

bool IsValueCharacter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

std::string_view TrimBlanks(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// A message's head: start line and fields, each without its line break.
using Lines = std::vector<std::string_view>;

Result<Lines> SplitLines(std::string_view head) {
  Lines lines;
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      return Bad("a line of the head has a bare CR, LF or NUL in it");
    }
    lines.push_back(line);
    head.remove_prefix(end + 2);
  }
  return lines;
}

// The head's bytes with the empty line; nullopt when it is not all there yet.
Result<std::optional<std::string>> TakeBytes(std::string& input, std::size_t limit) {
  std::size_t breaks = 0;  // some send one behind a body
  while (input.compare(breaks, 2, "\r\n") == 0) breaks += 2;
  input.erase(0, breaks);
  const std::size_t end = input.find("\r\n\r\n");
  const std::size_t size = end == std::string::npos ? input.size() : end + 4;
  if (size > limit) return Fail(Code::kHeadersTooLarge, "the head is too long");
  if (end == std::string::npos) {
    if (input.contains("\n\n")) return Bad("lines of the head must end with CR LF");
    return std::nullopt;
  }
  std::string head = input.substr(0, end + 2);
  input.erase(0, size);
  return head;
}

Result<int> ParseVersion(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  return Bad("only HTTP/1.1 and HTTP/1.0 are spoken here");
}

Status ParseFields(const Lines& lines, Fields& fields) {
  if (lines.size() > kMaxFields)
    return Fail(Code::kHeadersTooLarge, "the head has too many fields");
  for (auto line = lines.begin() + 1; line != lines.end(); ++line) {
    const std::size_t colon = line->find(':');
    const std::string_view name = line->substr(0, colon);
    if (colon == std::string_view::npos || !IsToken(name)) {
      return Bad("a line of the head is no field (folded lines are not taken)");
    }
    const std::string_view value = TrimBlanks(line->substr(colon + 1));
    if (!std::ranges::all_of(value, IsValueCharacter)) {
      return Bad("the field " + std::string(name) + " has a control character in it");
    }
    fields.Add(std::string(name), std::string(value));
  }
  return {};
}

Status ParseRequestLine(std::string_view line, RequestHead& head) {
  const auto parts = Split(line, ' ');
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (parts.size() != 3 || !IsToken(parts[0]) || parts[0].size() > kMaxMethod || parts[1].empty() ||
      !std::ranges::all_of(parts[1], is_visible)) {
    return Bad("this is no request line of HTTP/1.1");
  }
  VM0_ASSIGN(head.minor_version, ParseVersion(parts[2]));
  head.method = parts[0];
  head.target = parts[1];
  return {};
}

Status ParseStatusLine(std::string_view line, ResponseHead& head) {
  const auto space = std::min(line.find(' '), line.size());
  VM0_ASSIGN(head.minor_version, ParseVersion(line.substr(0, space)));
  const std::string_view rest = line.substr(std::min(space + 1, line.size()));
  const std::string_view digits = rest.substr(0, 3);
  const bool ends = rest.size() == 3 || (rest.size() > 3 && rest[3] == ' ');
  if (!ends || !std::ranges::all_of(digits, IsDigit) || digits[0] < '1' || digits[0] > '5') {
    return Bad("this is no status line of HTTP/1.1");
  }
  head.status = static_cast<int>(*ParseInt(digits));
  return {};
}

Result<std::optional<std::uint64_t>> LengthOf(const Fields& fields) {
  const auto values = fields.All("Content-Length");
  if (values.empty()) return std::nullopt;
  if (values.size() > 1) return Bad("Content-Length is there more than once");
  const std::string_view digits = values.front();
  if (digits.empty() || digits.size() > kMaxLengthDigits || !std::ranges::all_of(digits, IsDigit)) {
    return Bad("Content-Length is no number");
  }
  return static_cast<std::uint64_t>(*ParseInt(digits));
}

// kChunked, kLength, or nothing told.
Result<std::optional<Framing>> ToldFraming(int minor_version, const Fields& fields) {
  VM0_ASSIGN(const auto length, LengthOf(fields));
  const auto codings = fields.All("Transfer-Encoding");
  if (codings.empty() && !length) return std::nullopt;
  if (codings.empty()) return Framing{Framing::Kind::kLength, *length};
  if (length) return Bad("there are both Content-Length and Transfer-Encoding");
  if (minor_version == 0) return Bad("HTTP/1.0 has no Transfer-Encoding");
  if (codings.size() > 1 || !SameName(codings.front(), "chunked")) {
    return Bad("Transfer-Encoding may only be chunked");
  }
  return Framing{Framing::Kind::kChunked};
}

constexpr std::array<std::string_view, 12> kHopByHop = {
    "Connection",          "Keep-Alive", "TE",      "Trailer",        "Transfer-Encoding",
    "Content-Length",      "Host",       "Upgrade", "HTTP2-Settings", "Proxy-Connection",
    "Proxy-Authorization", "Expect"};

// The names in Connection.
std::vector<std::string_view> Named(const Fields& fields) {
  std::vector<std::string_view> names;
  for (const std::string_view value : fields.All("Connection")) {
    for (const std::string_view name : Split(value, ',')) names.push_back(TrimBlanks(name));
  }
  return names;
}

bool Contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::any_of(names, [&](std::string_view other) { return SameName(name, other); });
}

}  // namespace

void Fields::Add(std::string name, std::string value) {
  list_.push_back({std::move(name), std::move(value)});
}

std::vector<std::string_view> Fields::All(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Field& field : list_) {
    if (SameName(field.name, name)) values.emplace_back(field.value);
  }
  return values;
}

bool SameName(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

Result<std::optional<RequestHead>> TakeRequestHead(std::string& input) {
  VM0_ASSIGN(const auto bytes, TakeBytes(input, kMaxRequestHead));
  if (!bytes) return std::nullopt;
  VM0_ASSIGN(const Lines lines, SplitLines(*bytes));
  RequestHead head;
  VM0_TRY(ParseRequestLine(lines.front(), head));
  VM0_TRY(ParseFields(lines, head.fields));
  if (head.fields.All("Host").size() > 1) return Bad("Host is there more than once");
  return head;
}

Result<std::optional<ResponseHead>> TakeResponseHead(std::string& input) {
  VM0_ASSIGN(const auto bytes, TakeBytes(input, kMaxResponseHead));
  if (!bytes) return std::nullopt;
  VM0_ASSIGN(const Lines lines, SplitLines(*bytes));
  ResponseHead head;
  VM0_TRY(ParseStatusLine(lines.front(), head));
  VM0_TRY(ParseFields(lines, head.fields));
  return head;
}

Result<Framing> FramingOf(const RequestHead& head) {
  VM0_ASSIGN(const auto told, ToldFraming(head.minor_version, head.fields));
  return told.value_or(Framing{});
}

Result<Framing> FramingOf(const ResponseHead& head, std::string_view method) {
  VM0_ASSIGN(const auto told, ToldFraming(head.minor_version, head.fields));
  const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
  if (bodiless || method == "HEAD") return Framing{};
  return told.value_or(Framing{Framing::Kind::kUntilClose});
}

bool WantsToStay(int minor_version, const Fields& fields) {
  return minor_version == 1 && !Contains(Named(fields), "close");
}

std::vector<Field> EndToEnd(const Fields& fields) {
  const auto named = Named(fields);
  std::vector<Field> kept;
  for (const Field& field : fields.list()) {
    if (!Contains(kHopByHop, field.name) && !Contains(named, field.name)) kept.push_back(field);
  }
  return kept;
}

}  // namespace vm0::egress
