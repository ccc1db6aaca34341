// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string_view>

// For the fuzz targets, *_fuzz.cc: what must hold for any bytes.
namespace vm0::fuzz {

inline std::string_view View(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Ends the process, and libFuzzer keeps the input, when `what` does not hold.
inline void Expect(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << '\n';
  __builtin_trap();
}

}  // namespace vm0::fuzz
