// SPDX-License-Identifier: Apache-2.0
#include "supervisor/masker.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/json_walk.h"
#include "base/text.h"
#include "event/classify.h"

namespace vm0::supervisor {
namespace {

constexpr std::string_view kMask = "***";
constexpr int kJsonLevels = 6;
constexpr int kPercentLevels = 2;
// A character can be written as \u0041 inside of a JSON string inside of another.
constexpr std::size_t kBytesPerByte = 7;
// Each pass over an event makes its secrets fewer, unless they are made of asterisks.
constexpr int kEventPasses = 3;

using Ranges = std::vector<Range>;

std::string JsonForm(std::string_view text) {
  const std::string quoted = JsonQuote(text);
  return quoted.substr(1, quoted.size() - 2);
}

std::string UpperCase(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

// What `text` looks like within a longer text in base64 that has `offset` (0 to 2) bytes before it,
// give or take a multiple of 3: the characters that say nothing but bits of `text`.
Pattern Base64Pattern(const std::string& text, std::size_t offset) {
  const std::string encoded = Base64Encode(std::string(offset, '\0') + text);
  const std::size_t first_bit = 8 * offset;
  const std::size_t last_bit = first_bit + 8 * text.size();
  const std::size_t begin = (first_bit + 5) / 6;
  return {.text = encoded.substr(begin, last_bit / 6 - begin),
          .blurred_before = first_bit % 6 != 0,
          .blurred_after = last_bit % 6 != 0};
}

Pattern UrlAlphabet(Pattern pattern) {
  std::ranges::replace(pattern.text, '+', '-');
  std::ranges::replace(pattern.text, '/', '_');
  return pattern;
}

std::vector<Pattern> FormsOf(const std::string& text) {
  std::vector<Pattern> forms = {{text}};
  if (text.size() < Masker::kGuaranteed) return forms;
  const std::string hex = HexEncode(text);
  forms.push_back({hex});
  forms.push_back({UpperCase(hex)});
  for (std::size_t offset = 0; offset < 3; ++offset) {
    forms.push_back(Base64Pattern(text, offset));
    forms.push_back(UrlAlphabet(forms.back()));
  }
  return forms;
}

// What counts as a value: the value; as JSON writes it, since what is in base64 or in a URL may be
// JSON; and its lines.
std::set<std::string> TextsOf(const std::string& value) {
  std::set<std::string> texts = {value};
  for (const std::string_view line : Split(value, '\n')) texts.emplace(TrimAscii(line));
  std::set<std::string> all;
  for (const std::string& text : texts) {
    if (text.size() < Masker::kShortest) continue;
    all.insert(JsonForm(text));
    all.insert(text);
  }
  return all;
}

std::string MaskText(std::string_view text, const Ranges& ranges) {
  std::string out;
  std::size_t copied = 0;
  for (const Range& range : ranges) {
    out.append(text.substr(copied, range.begin - copied)).append(kMask);
    copied = range.end;
  }
  return out.append(text.substr(copied));
}

// Masks ranges of an event token by token, so that it stays one. A handler of JsonWalker.
class EventMasking {
 public:
  EventMasking(std::string_view event, const Ranges& ranges)
      : event_(event), ranges_(ranges), next_(ranges.begin()) {
    JsonWalker<EventMasking> walker(event, 0, *this);
    walker.Walk(kMaxJsonDepth);
    out_.append(event_.substr(copied_));
  }
  std::string Take() { return std::move(out_); }

  void BeginObject() {}
  void EndObject() {}
  void BeginArray() {}
  void EndArray() {}
  void Literal(std::string_view) {}
  void Key(std::string_view raw) { String(raw); }

  void String(std::string_view raw) {
    Range inner = Place(raw);
    ++inner.begin;
    --inner.end;
    std::size_t position = inner.begin;
    for (; SkipTo(inner); ++next_) {
      // Widened to whole escapes.
      position = UnitAt(std::max(next_->begin, position), position);
      const std::size_t begin = position;
      const std::size_t end = std::min(next_->end, inner.end);
      position = UnitAt(end, position);
      if (position < end) position += UnitSize(position);
      Replace({begin, position}, kMask);
      if (next_->end > inner.end) break;
    }
  }

  // A number has no room for asterisks.
  void Number(std::string_view raw) {
    const Range place = Place(raw);
    if (SkipTo(place)) Replace(place, "\"***\"");
  }

 private:
  Range Place(std::string_view raw) const {
    const auto begin = static_cast<std::size_t>(raw.data() - event_.data());
    return {begin, begin + raw.size()};
  }

  // Moves on to the next range that reaches into `place`; false when there is none.
  bool SkipTo(const Range& place) {
    while (next_ != ranges_.end() && next_->end <= place.begin) ++next_;
    return next_ != ranges_.end() && next_->begin < place.end && place.begin < place.end;
  }

  // A character or an escape of a valid string.
  std::size_t UnitSize(std::size_t position) const {
    if (event_[position] != '\\') return 1;
    return event_[position + 1] == 'u' ? 6 : 2;
  }

  // Where the unit begins that byte `wanted` belongs to; `from` is the begin of one before it.
  std::size_t UnitAt(std::size_t wanted, std::size_t from) const {
    while (from < wanted && from + UnitSize(from) <= wanted) from += UnitSize(from);
    return from;
  }

  void Replace(const Range& range, std::string_view by) {
    if (range.end <= copied_) return;
    if (range.begin >= copied_) {
      out_.append(event_.substr(copied_, range.begin - copied_)).append(by);
    }
    copied_ = range.end;
  }

  std::string_view event_;
  const Ranges& ranges_;
  Ranges::const_iterator next_;
  std::string out_;
  std::size_t copied_ = 0;
};

bool HasGuaranteed(const Ranges& ranges) {
  return std::ranges::any_of(
      ranges, [](const Range& range) { return range.end - range.begin >= Masker::kGuaranteed; });
}

}  // namespace

Masker::Masker(const std::vector<std::string>& values) {
  std::vector<Pattern> patterns;
  bool has_space = false;
  for (const std::string& value : values) {
    for (const std::string& text : TextsOf(value)) {
      std::ranges::move(FormsOf(text), std::back_inserter(patterns));
      lookahead_ = std::max(lookahead_, kBytesPerByte * text.size());
      has_space = has_space || text.find(' ') != std::string::npos;
    }
  }
  patterns_ = PatternSet(std::move(patterns));
  decodings_.assign(kJsonLevels, &Decoding::Json());
  decodings_.insert(decodings_.end(), kPercentLevels, &Decoding::Percent());
  if (has_space) decodings_.push_back(&Decoding::Form());
  decodings_.push_back(&Decoding::Unwrapped());
}

// Searches the text as it is and, of each way in which it may have been written, what it means:
// those of `decodings` after one another, in their order, some left out.
Ranges Masker::Find(std::string_view text, Decodings decodings) const {
  Ranges found;
  patterns_.Find(text, found);
  for (std::size_t i = 0; i < decodings.size(); ++i) {
    if (i > 0 && decodings[i] == decodings[i - 1]) continue;
    if (!decodings[i]->Changes(text)) continue;
    const Ranges inner = Find(decodings[i]->Decode(text), decodings.subspan(i + 1));
    if (!inner.empty())
      std::ranges::copy(decodings[i]->TraceBack(text, inner), std::back_inserter(found));
  }
  return Joined(std::move(found));
}

std::string Masker::Mask(std::string_view text) const {
  std::string masked(text);
  if (patterns_.empty()) return masked;
  for (int pass = 0;; ++pass) {
    const Ranges ranges = Find(masked, decodings_);
    if (ranges.empty()) return masked;
    if (pass < kEventPasses && event::IsEvent(masked)) {
      std::string event = EventMasking(masked, ranges).Take();
      const bool is_other = event != masked;
      masked = std::move(event);
      if (is_other) continue;
      // Nothing but braces, or the word false: no event any more if it is a secret's word.
      if (!HasGuaranteed(ranges)) return masked;
    }
    masked = MaskText(masked, ranges);
  }
}

std::string Masker::MaskBeginning(std::string_view text, std::size_t size) const {
  if (size >= text.size()) return Mask(text);
  if (patterns_.empty()) return std::string(text.substr(0, size));
  Ranges ranges = Find(text, decodings_);
  std::erase_if(ranges, [size](const Range& range) { return range.begin >= size; });
  if (!ranges.empty()) size = std::max(size, ranges.back().end);
  return Mask(MaskText(text.substr(0, size), ranges));
}

}  // namespace vm0::supervisor
