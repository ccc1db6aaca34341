// SPDX-License-Identifier: Apache-2.0
#include "nasty_lines.h"

namespace vm0::test {
namespace {

constexpr std::uint64_t kKinds = 20;

std::string Repeat(const std::string& text, std::uint64_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (std::uint64_t i = 0; i < count; ++i) out += text;
  return out;
}

}  // namespace

// splitmix64
std::uint64_t NastyLines::Random() {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

// Every order of magnitude up to the limit is as likely.
std::uint64_t NastyLines::LongSize() {
  const std::uint64_t magnitude = Random() % 17 + 1;
  return Random() % (std::uint64_t{1} << magnitude) % (max_bytes_ + 1);
}

std::string NastyLines::RandomBytes() {
  const std::uint64_t count = Random() % 64 + 1;
  std::string out;
  for (std::uint64_t i = 0; i < count; ++i) {
    const char byte = static_cast<char>(Random() & 0xFF);
    out += byte == '\n' ? '\xFF' : byte;
  }
  return out;
}

std::string NastyLines::Next() {
  const std::string n = std::to_string(++number_);
  switch (Random() % kKinds) {
    case 0:
      return "";
    case 1:
      return R"({"type":"long","n":)" + n + R"(,"pad":")" + Repeat("x", LongSize()) + "\"}";
    case 2:
      return R"({"type":"wide","n":)" + n + R"(,"pad":")" +
             Repeat("é\xE2\x80\xA8", LongSize() / 5) + "\"}";
    case 3:
      return RandomBytes();
    case 4:
      return "line " + n + " is no JSON {";
    case 5:
      return R"({"type":"number","n":)" + Repeat("9", Random() % 400 + 1) + "}";
    case 6:
      return R"({"type":"surrogate","n":)" + n + R"(,"text":"\ud800 \udfff"})";
    case 7:
      return "{}";
    case 8:
      return R"({"type":"cr","n":)" + n + "}\r";
    case 9:
      return "[" + n + ",null]";
    case 10:
      return R"({"type":"a","type":"b","n":)" + n + R"(,"n":1e999})";
    case 11:
      return "\x1b[31mred\x1b[0m\x07 " + n + "\x1b]0;title\x07";
    case 12:
      return R"({"type":"deep","v":)" + Repeat("[", 200) + Repeat("]", 200) + "}";
    case 13:
      return R"({"type":")" + Repeat("t", Random() % 100) + R"(","n":)" + n + "}";
    case 14:
      return "  \t " + n;
    case 15:
      return std::string("nul \0 byte ", 11) + n;
    case 16:
      return R"( { "type" : "spaced" , "n" : )" + n + " } ";
    case 17:
      return R"({"type":)" + n +
             R"(,"text":"\u0000\u2028)"
             "\xEF\xBB\xBF"
             R"("})";
    case 18:
      return "plain " + Repeat("y", LongSize());
    default:
      return R"({"type":"event","n":)" + n +
             R"(,"text":"a\nb\t\"c\" \/ )"
             "\x7F"
             R"("})";
  }
}

}  // namespace vm0::test
