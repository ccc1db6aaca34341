// SPDX-License-Identifier: Apache-2.0
#include "term/sanitize.h"

#include "base/text.h"

namespace vm0::term {
namespace {

enum class LineBreaks { kKeep, kShow };

constexpr std::string_view kReplacement = "\uFFFD";

// The symbol for a C0 character: U+2400 plus it.
void AppendControlPicture(std::string& out, unsigned char control) {
  out += "\xE2\x90";
  out += static_cast<char>(0x80 + control);
}

bool IsLast(std::string_view text, std::size_t i) {
  return i + 1 == text.size() || text[i + 1] == '\n';
}

void AppendAscii(std::string& out, std::string_view text, std::size_t i, LineBreaks line_breaks) {
  const char c = text[i];
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\r' && IsLast(text, i)) return;
  if (byte == 0x7F) {
    out += "\u2421";
  } else if (byte >= 0x20 || c == '\t' || (c == '\n' && line_breaks == LineBreaks::kKeep)) {
    out += c;
  } else {
    AppendControlPicture(out, byte);
  }
}

// How many bytes the dangerous character at the start of well-formed `rest` has; 0 for a harmless
// one.
std::size_t DangerousLength(std::string_view rest) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  if (at(0) == 0xC2) return at(1) <= 0x9F ? 2 : 0;
  if (at(0) != 0xE2) return 0;
  const bool embedding = at(1) == 0x80 && at(2) >= 0xAA && at(2) <= 0xAE;
  const bool isolate = at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9;
  return embedding || isolate ? 3 : 0;
}

std::string SanitizeWellFormed(std::string_view text, LineBreaks line_breaks) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      AppendAscii(out, text, i++, line_breaks);
    } else if (const std::size_t length = DangerousLength(text.substr(i)); length > 0) {
      out += kReplacement;
      i += length;
    } else {
      out += text[i++];
    }
  }
  return out;
}

std::string SanitizeWith(std::string_view text, LineBreaks line_breaks) {
  if (IsValidUtf8(text)) return SanitizeWellFormed(text, line_breaks);
  return SanitizeWellFormed(ReplaceInvalidUtf8(text), line_breaks);
}

}  // namespace

std::string Sanitize(std::string_view text) { return SanitizeWith(text, LineBreaks::kKeep); }

std::string SanitizeLine(std::string_view text) { return SanitizeWith(text, LineBreaks::kShow); }

}  // namespace vm0::term
