// SPDX-License-Identifier: Apache-2.0
#include "egress/replacer.h"

#include <algorithm>

namespace vm0::egress {

Replacer::Replacer(std::vector<Pair> pairs) : pairs_(std::move(pairs)) {
  std::ranges::stable_sort(pairs_, std::ranges::greater(),
                           [](const Pair& pair) { return pair.from.size(); });
  for (const Pair& pair : pairs_) first_[static_cast<unsigned char>(pair.from.front())] = true;
}

std::string Replacer::Feed(std::string_view bytes) {
  held_ += bytes;
  std::string out;
  const std::size_t done = Run(held_, More::kMayCome, out);
  held_.erase(0, done);
  return out;
}

std::string Replacer::Finish() {
  std::string out = Replace(held_);
  held_.clear();
  return out;
}

std::string Replacer::Replace(std::string_view text) const {
  std::string out;
  Run(text, More::kNone, out);
  return out;
}

std::size_t Replacer::Run(std::string_view text, More more, std::string& out) const {
  std::size_t position = 0;
  std::size_t copied = 0;
  while (position < text.size()) {
    if (!first_[static_cast<unsigned char>(text[position])]) {
      ++position;
      continue;
    }
    const std::string_view rest = text.substr(position);
    if (more == More::kMayCome && MayGoOn(rest)) break;
    const Pair* pair = MatchAt(rest);
    if (pair == nullptr) {
      ++position;
      continue;
    }
    out.append(text.substr(copied, position - copied)).append(pair->to);
    position += pair->from.size();
    copied = position;
  }
  out += text.substr(copied, position - copied);
  return position;
}

// Whether `rest` is the beginning of one that is longer.
bool Replacer::MayGoOn(std::string_view rest) const {
  return std::ranges::any_of(pairs_, [&](const Pair& pair) {
    return pair.from.size() > rest.size() && pair.from.starts_with(rest);
  });
}

const Replacer::Pair* Replacer::MatchAt(std::string_view rest) const {
  for (const Pair& pair : pairs_) {
    if (rest.starts_with(pair.from)) return &pair;
  }
  return nullptr;
}

}  // namespace vm0::egress
