// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vm0 {

// The steps that all code over UTF-8 is made of; most callers want text.h.

inline constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";  // U+FFFD

// One well-formed sequence, or one maximal ill-formed part (what one U+FFFD stands for).
struct Utf8Sequence {
  std::size_t size;  // 1 to 4 bytes
  bool valid;
};

// The sequence that begins at bytes[position]; `position` must be inside.
Utf8Sequence Utf8SequenceAt(std::string_view bytes, std::size_t position);
// The first position from `position` on that holds no ASCII byte, or the size.
std::size_t SkipAscii(std::string_view bytes, std::size_t position);
// Where the first ill-formed part begins, or npos.
std::size_t FindInvalidUtf8(std::string_view bytes);
// `code_point` must be at most U+10FFFF and no surrogate.
void AppendUtf8(std::string& out, std::uint32_t code_point);

// How many characters (code points) valid UTF-8 holds.
std::size_t CountUtf8Characters(std::string_view text);

}  // namespace vm0
