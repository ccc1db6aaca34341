// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/pattern_set.h"

namespace vm0::supervisor {

// One way in which text is written so that its bytes change: what it means can be searched, and
// what is found be traced back to the bytes that mean it. Never fails: what is no right escape
// stays as it is.
class Decoding {
 public:
  // \n, \", \u00e9: what stands in JSON strings, wherever in the text.
  static const Decoding& Json();
  // %20, upper or lower case.
  static const Decoding& Percent();
  // The same, and '+' for a space: HTML forms.
  static const Decoding& Form();
  // Without line breaks: wrapped base64.
  static const Decoding& Unwrapped();

  bool Changes(std::string_view text) const { return FindSpecial(text, 0) < text.size(); }
  std::string Decode(std::string_view text) const;
  // What in `text` the ranges of its decoded form come from, each escape whole. `ranges` and the
  // answer are as Joined gives them.
  std::vector<Range> TraceBack(std::string_view text, const std::vector<Range>& ranges) const;

 private:
  // What the special byte at the start of a text and those that belong to it mean.
  struct Meaning {
    std::size_t source_size = 1;
    std::size_t size = 0;
    std::array<char, 4> bytes{};
  };
  using Decode1 = Meaning (*)(std::string_view text);
  Decoding(char special, char other_special, Decode1 decode)
      : special_(special), other_special_(other_special), decode_(decode) {}

  static Meaning Itself(std::string_view text);
  static Meaning JsonEscape(std::string_view text);
  static Meaning UnicodeEscape(std::string_view text);
  static Meaning PercentEscape(std::string_view text);
  static Meaning FormEscape(std::string_view text);
  static Meaning Nothing(std::string_view text);
  std::size_t FindSpecial(std::string_view text, std::size_t position) const;

  char special_;
  char other_special_;
  Decode1 decode_;
};

}  // namespace vm0::supervisor
