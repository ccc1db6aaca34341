// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <algorithm>
#include <cstring>

namespace vm0 {
namespace {

unsigned char ByteAt(std::string_view bytes, std::size_t position) {
  return static_cast<unsigned char>(bytes[position]);
}

// What RFC 3629 allows after a lead byte: how many bytes follow, and the range of the first of
// them, which is what excludes overlong forms, surrogates and what lies above U+10FFFF.
struct Tail {
  std::size_t size;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
};

Tail TailOf(unsigned char lead) {
  if (lead < 0xc2) return {0};
  if (lead < 0xe0) return {1};
  if (lead == 0xe0) return {2, 0xa0, 0xbf};
  if (lead == 0xed) return {2, 0x80, 0x9f};
  if (lead < 0xf0) return {2};
  if (lead == 0xf0) return {3, 0x90, 0xbf};
  if (lead < 0xf4) return {3};
  if (lead == 0xf4) return {3, 0x80, 0x8f};
  return {0};
}

}  // namespace

Utf8Sequence Utf8SequenceAt(std::string_view bytes, std::size_t position) {
  const unsigned char lead = ByteAt(bytes, position);
  if (lead < 0x80) return {1, true};
  const Tail tail = TailOf(lead);
  if (tail.size == 0) return {1, false};
  for (std::size_t i = 1; i <= tail.size; ++i) {
    if (position + i >= bytes.size()) return {i, false};
    const unsigned char byte = ByteAt(bytes, position + i);
    const bool in_range =
        i == 1 ? byte >= tail.low && byte <= tail.high : byte >= 0x80 && byte <= 0xbf;
    if (!in_range) return {i, false};
  }
  return {tail.size + 1, true};
}

std::size_t SkipAscii(std::string_view bytes, std::size_t position) {
  while (position + sizeof(std::uint64_t) <= bytes.size()) {
    std::uint64_t block;
    std::memcpy(&block, bytes.data() + position, sizeof block);
    if ((block & 0x8080808080808080U) != 0) break;
    position += sizeof block;
  }
  while (position < bytes.size() && ByteAt(bytes, position) < 0x80) ++position;
  return position;
}

std::size_t FindInvalidUtf8(std::string_view bytes) {
  for (std::size_t i = SkipAscii(bytes, 0); i < bytes.size(); i = SkipAscii(bytes, i)) {
    const Utf8Sequence sequence = Utf8SequenceAt(bytes, i);
    if (!sequence.valid) return i;
    i += sequence.size;
  }
  return std::string_view::npos;
}

void AppendUtf8(std::string& out, std::uint32_t code_point) {
  const auto tail = [&](int shift) {
    out += static_cast<char>(0x80 | (code_point >> shift & 0x3f));
  };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xc0 | code_point >> 6);
    tail(0);
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xe0 | code_point >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | code_point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::size_t CountUtf8Characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace vm0
