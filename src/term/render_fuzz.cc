// SPDX-License-Identifier: Apache-2.0
// Nothing that an agent prints reaches a terminal as more than text: the only escapes are our own
// colours, and what is shown is not much longer than what was printed.
#include <array>
#include <string>

#include "agent/dialect.h"
#include "base/fuzz.h"
#include "base/text.h"
#include "event/classify.h"
#include "term/renderer.h"
#include "term/sanitize.h"

namespace {

using namespace vm0;
using fuzz::Expect;

// Each level of sub-agents indents each line, and colours are set anew on each.
constexpr std::size_t kGrowth = 64;
constexpr std::size_t kLeast = 4096;

bool IsHarmless(std::string_view text) {
  if (!IsValidUtf8(text)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0x7f || (byte < 0x20 && byte != '\n' && byte != '\t')) return false;
    if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
    const std::string_view three = text.substr(i, 3);
    if (three >= "\u202a" && three <= "\u202e") return false;
    if (three >= "\u2066" && three <= "\u2069") return false;
  }
  return true;
}

void CheckSanitize(std::string_view text) {
  const std::string clean = term::Sanitize(text);
  Expect(IsHarmless(clean), "what is sanitised is harmless");
  Expect(term::Sanitize(clean) == clean, "what is harmless stays as it is");
  const std::string line = term::SanitizeLine(text);
  Expect(IsHarmless(line) && !line.contains('\n'), "a sanitised line is harmless and one line");
  Expect(term::SanitizeLine(line) == line, "a harmless line stays as it is");
  const std::size_t half = text.size() / 2;
  Expect(IsHarmless(term::Sanitize(text.substr(0, half)) + term::Sanitize(text.substr(half))),
         "what is sanitised in pieces is harmless");
}

std::string WithoutColours(std::string_view text) {
  static constexpr std::array kColours = {"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m",
                                          "\x1b[36m", "\x1b[90m", "\x1b[39m", "\x1b[1m",
                                          "\x1b[2m",  "\x1b[22m"};
  std::string out;
  while (!text.empty()) {
    const std::size_t before = text.size();
    for (const std::string_view colour : kColours)
      if (text.starts_with(colour)) text.remove_prefix(colour.size());
    if (text.size() < before) continue;
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

std::string Render(term::Renderer& renderer, const agent::Dialect& dialect, std::string_view line) {
  const auto classified = event::Classify(line);
  if (classified.source != event::Source::kAgent)
    return renderer.RenderLine(classified.source, event::LineOf(classified.json));
  std::string out;
  for (const agent::ParsedEvent& parsed : dialect.Parse(classified.json))
    out += renderer.Render(parsed, WallTime(Seconds(1)));
  return out;
}

}  // namespace

// The first byte chooses the options; the rest is lines of an agent.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = data[0];
  const std::string_view output = fuzz::View(data, size).substr(1);
  CheckSanitize(output);
  const auto colour = (choice & 1) != 0 ? term::Colour::kOn : term::Colour::kOff;
  term::Renderer renderer({.full = (choice & 2) != 0,
                           .verbose = (choice & 4) != 0,
                           .partial = (choice & 8) != 0,
                           .colour = colour,
                           .stderr_colour = colour});
  const agent::Dialect& dialect = *agent::FindDialect((choice & 16) != 0 ? "plain" : "claude-code");
  std::string shown;
  for (const std::string_view line : Split(output, '\n')) shown += Render(renderer, dialect, line);
  shown += renderer.CloseLine();
  if (colour == term::Colour::kOn) shown = WithoutColours(shown);
  Expect(IsHarmless(shown), "what is shown is harmless");
  Expect(shown.empty() || shown.ends_with('\n'), "the last line is complete");
  Expect(shown.size() <= kGrowth * size + kLeast, "what is shown is not much longer");
  return 0;
}
