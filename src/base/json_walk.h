// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>

#include "base/json_scan.h"

namespace vm0 {

// The grammar of JSON, once, for the scanners of json_scan.h and the parser of json.h; others want
// those. All steps move `position` on; on failure it stays at the byte that is wrong.

std::size_t SkipJsonSpace(std::string_view text, std::size_t position);
bool SkipJsonString(std::string_view text, std::size_t& position);
bool SkipJsonNumber(std::string_view text, std::size_t& position);
// true, false or null.
bool SkipJsonLiteral(std::string_view text, std::size_t& position);

// Walks over one JSON value from left to right, without recursion and without allocation, and tells
// `handler` what it meets. The texts are raw:
//   void BeginObject(); void Key(std::string_view); void EndObject();
//   void BeginArray(); void EndArray();
//   void String(std::string_view); void Number(std::string_view); void Literal(std::string_view);
template <class Handler>
class JsonWalker {
 public:
  JsonWalker(std::string_view text, std::size_t position, Handler& handler)
      : text_(text), position_(position), handler_(handler) {}

  // One value with the white space before it. `max_depth` counts objects and arrays.
  bool Walk(std::size_t max_depth) {
    max_depth_ = max_depth;
    Step step = Step::kValue;
    while (step == Step::kValue || step == Step::kAfterValue) {
      step = step == Step::kValue ? Value() : AfterValue();
    }
    return step == Step::kDone;
  }

  // After the value, or at the byte that is wrong.
  std::size_t position() const { return position_; }
  bool too_deep() const { return too_deep_; }

 private:
  enum class Step { kValue, kAfterValue, kDone, kError };

  char Peek() {
    position_ = SkipJsonSpace(text_, position_);
    return position_ < text_.size() ? text_[position_] : '\0';
  }

  Step Value() {
    const char first = Peek();
    if (first == '{' || first == '[') return Begin(first);
    const std::size_t start = position_;
    if (first == '"') {
      if (!SkipJsonString(text_, position_)) return Step::kError;
      handler_.String(text_.substr(start, position_ - start));
    } else if (first == '-' || (first >= '0' && first <= '9')) {
      if (!SkipJsonNumber(text_, position_)) return Step::kError;
      handler_.Number(text_.substr(start, position_ - start));
    } else {
      if (!SkipJsonLiteral(text_, position_)) return Step::kError;
      handler_.Literal(text_.substr(start, position_ - start));
    }
    return Step::kAfterValue;
  }

  Step Begin(char first) {
    if (depth_ == max_depth_) {
      too_deep_ = true;
      return Step::kError;
    }
    const bool is_object = first == '{';
    is_object_[depth_++] = is_object;
    ++position_;
    if (is_object) {
      handler_.BeginObject();
    } else {
      handler_.BeginArray();
    }
    if (Peek() == (is_object ? '}' : ']')) return End();
    return is_object ? Key() : Step::kValue;
  }

  Step Key() {
    if (Peek() != '"') return Step::kError;
    const std::size_t start = position_;
    if (!SkipJsonString(text_, position_)) return Step::kError;
    handler_.Key(text_.substr(start, position_ - start));
    if (Peek() != ':') return Step::kError;
    ++position_;
    return Step::kValue;
  }

  Step AfterValue() {
    if (depth_ == 0) return Step::kDone;
    const bool is_object = is_object_[depth_ - 1];
    const char next = Peek();
    if (next == (is_object ? '}' : ']')) return End();
    if (next != ',') return Step::kError;
    ++position_;
    return is_object ? Key() : Step::kValue;
  }

  Step End() {
    ++position_;
    --depth_;
    if (is_object_[depth_]) {
      handler_.EndObject();
    } else {
      handler_.EndArray();
    }
    return Step::kAfterValue;
  }

  std::string_view text_;
  std::size_t position_;
  Handler& handler_;
  std::size_t max_depth_ = 0;
  std::size_t depth_ = 0;
  std::bitset<kMaxJsonDepth> is_object_;  // of each open value; else it is an array
  bool too_deep_ = false;
};

}  // namespace vm0
