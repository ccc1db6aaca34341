// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace vm0::test {

// Lines that programs get wrong: empty, long, U+2028, bad UTF-8, no JSON, huge numbers, lone
// surrogates, duplicate keys, CR, NUL, escape sequences. Equal bytes for equal seeds, here and in
// nasty_lines.py, which the tests compute the expected output with; keep the two alike.
class NastyLines {
 public:
  NastyLines(std::uint64_t seed, std::uint64_t max_bytes) : state_(seed), max_bytes_(max_bytes) {}
  // The next line, without its '\n'.
  std::string Next();

 private:
  std::uint64_t Random();
  std::uint64_t LongSize();
  std::string RandomBytes();

  std::uint64_t state_;
  std::uint64_t max_bytes_;
  std::uint64_t number_ = 0;
};

}  // namespace vm0::test
