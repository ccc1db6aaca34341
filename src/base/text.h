// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vm0 {

// Strict UTF-8 (RFC 3629): no overlong forms, no encoded surrogates, nothing above U+10FFFF.
bool IsValidUtf8(std::string_view bytes);
// Each maximal ill-formed part becomes one U+FFFD (the WHATWG decoder's rule).
std::string ReplaceInvalidUtf8(std::string_view bytes);

std::string Base64Encode(std::string_view bytes);
std::optional<std::string> Base64Decode(std::string_view text);
// Without padding, alphabet of RFC 4648 section 5.
std::string Base64UrlEncode(std::string_view bytes);
std::string HexEncode(std::string_view bytes);

// `text` as a JSON string with its quotes. Ill-formed UTF-8 becomes U+FFFD; control characters, '"'
// and '\\' are escaped, all else is kept as it is.
std::string JsonQuote(std::string_view text);
void AppendJsonQuoted(std::string& out, std::string_view text);

std::string ToLowerAscii(std::string_view text);
std::string_view TrimAscii(std::string_view text);
std::vector<std::string_view> Split(std::string_view text, char separator);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);
// All of `text` as a decimal integer, sign allowed; nullopt for anything else or out of range.
std::optional<std::int64_t> ParseInt(std::string_view text);

}  // namespace vm0
