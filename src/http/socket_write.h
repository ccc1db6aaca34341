// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace vm0::http {

// An answer to a fast reader lets others have their turn after so many bytes.
inline constexpr std::size_t kYieldAfter = 256 << 10;

using WriteParts = std::array<std::string_view, 3>;

// Whether an errno of send or recv means: not now.
bool WouldBlock(int error);

// Writes what the socket takes of the parts now, in one system call, and removes it from them.
// nullopt, with errno, when the connection is broken.
std::optional<std::size_t> SendSome(int fd, WriteParts& parts);

}  // namespace vm0::http
