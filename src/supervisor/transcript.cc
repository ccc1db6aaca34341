// SPDX-License-Identifier: Apache-2.0
#include "supervisor/transcript.h"

#include <algorithm>
#include <utility>

#include "agent/limits.h"
#include "base/run_error.h"
#include "base/text.h"
#include "event/classify.h"

namespace vm0::supervisor {
namespace {

constexpr std::size_t kKeptOfCutLine = 64 << 10;
constexpr std::size_t kLongestCharacter = 4;

// `size`, or where the character begins that a cut there would go through.
std::size_t BetweenCharacters(std::string_view text, std::size_t size) {
  if (size >= text.size()) return size;
  for (std::size_t back = 0; back < kLongestCharacter && back < size; ++back) {
    const auto byte = static_cast<unsigned char>(text[size - back]);
    if ((byte & 0xc0) == 0x80) continue;  // inside of a character
    return (byte & 0xc0) == 0xc0 ? size - back : size;
  }
  return size;  // it is no text
}

}  // namespace

Transcript::Transcript(Journal& journal, const Masker& masker, const agent::Dialect& dialect,
                       Limits limits, std::function<void()> spool_full)
    : journal_(journal),
      masker_(masker),
      dialect_(dialect),
      limits_(limits),
      spool_full_(std::move(spool_full)) {}

LineSplitter Transcript::MakeSplitter() const {
  // Enough that a secret or a character at the end of what is kept can be seen whole.
  const std::size_t more = std::max(masker_.lookahead(), kLongestCharacter);
  const std::size_t kept = std::min(kKeptOfCutLine + more, limits_.line_bytes);
  return LineSplitter(limits_.line_bytes, kept);
}

void Transcript::Take(Stream stream, const Line& line) {
  if (full_ || line.length == 0) return;
  if (line.is_cut()) {
    TakeCut(stream, line);
  } else {
    TakeWhole(stream, line.text);
  }
  CheckSpool();
}

void Transcript::TakeWhole(Stream stream, std::string_view text) {
  const std::string masked = masker_.Mask(text);
  const auto classified =
      stream == Stream::kStdout ? event::Classify(masked) : event::ClassifyStderr(masked);
  // Escapes and base64 can make it much longer than the line was.
  if (classified.json.size() > event::kMaxEventBytes) return TakeCut(stream, {text, text.size()});
  journal_.Add(classified.source, classified.json);
  if (classified.source == event::Source::kAgent) TakeSigns(classified.json);
}

void Transcript::TakeSigns(std::string_view json) {
  if (const auto background = dialect_.Background(json)) works_in_background_ = *background;
  if (auto outcome = dialect_.Terminal(json)) {
    outcome_ = std::move(*outcome);
    turn_goes_on_ = false;
  } else if (outcome_ && !turn_goes_on_) {
    turn_goes_on_ = dialect_.IsOfTurn(json);
  }
}

void Transcript::TakeCut(Stream stream, const Line& line) {
  const std::size_t size = BetweenCharacters(line.text, kKeptOfCutLine);
  const std::string kept = masker_.MaskBeginning(line.text, size);
  const std::string message = "a line of " + std::to_string(line.length) +
                              " bytes is above the limit of " + std::to_string(limits_.line_bytes) +
                              ": only its beginning is kept";
  const std::string json =
      MakeVm0Event("line_cut", message,
                   {{"stream", stream == Stream::kStdout ? "stdout" : "stderr"},
                    {"length", line.length},
                    {"text", ReplaceInvalidUtf8(kept)}});
  journal_.Add(event::Source::kVm0, json);
}

void Transcript::CheckSpool() {
  if (full_ || journal_.size() <= limits_.spool_bytes) return;
  full_ = true;
  const std::string message =
      WhatOf(RunError::kSpoolFull, agent::FormatLimit(limits_.spool_bytes)) +
      ": what follows is not kept, and the agent is stopped";
  journal_.Add(event::Source::kVm0,
               MakeVm0Event("spool_full", message, {{"limitBytes", limits_.spool_bytes}}));
  spool_full_();
}

}  // namespace vm0::supervisor
