// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace vm0::term {

// Text from an agent, made harmless for a terminal and still readable: what would be obeyed is
// shown.
//
// - '\n' and '\t' stay. '\r' before '\n' or at the end is left out (lines of Windows); any other is
// ␍.
// - The other C0 characters become their control pictures (ESC is ␛), DEL becomes ␡.
// - C1 (U+0080 to U+009F), the characters that turn the direction of text around (U+202A to U+202E,
//   U+2066 to U+2069) and each ill-formed part of the UTF-8 become U+FFFD.
//
// The rest of an escape sequence stays as text; without its first byte it is text. Safe for text
// that comes in pieces, too. Linear in the length.
std::string Sanitize(std::string_view text);

// The same for names and other texts that must stay on one line: '\n' becomes ␊.
std::string SanitizeLine(std::string_view text);

}  // namespace vm0::term
