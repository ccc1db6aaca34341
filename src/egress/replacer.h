// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace vm0::egress {

// Replaces texts in a stream. Holds back only what may be the beginning of one of them.
class Replacer {
 public:
  struct Pair {
    std::string from;  // not empty
    std::string to;
  };
  Replacer() = default;
  explicit Replacer(std::vector<Pair> pairs);

  // What is certain by now.
  std::string Feed(std::string_view bytes);
  // What was held back.
  std::string Finish();
  // A text that is all there.
  std::string Replace(std::string_view text) const;

 private:
  enum class More { kMayCome, kNone };
  // Returns how much of `text` it has dealt with.
  std::size_t Run(std::string_view text, More more, std::string& out) const;
  bool MayGoOn(std::string_view rest) const;
  const Pair* MatchAt(std::string_view rest) const;

  std::vector<Pair> pairs_;  // longest first
  std::array<bool, 256> first_{};
  std::string held_;
};

}  // namespace vm0::egress
