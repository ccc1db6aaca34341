// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/parsed_event.h"
#include "base/time.h"
#include "event/event.h"
#include "term/style.h"

namespace vm0::term {

// What a run's events look like on a terminal. Makes text and writes nothing; one renderer per run
// and output, fed with every event in order; not thread-safe. How the CLI uses it, for each event:
//
//   agent   for (parsed : dialect.Parse(event.json)) out << renderer.Render(parsed,
//   event.created_at) stdout  out << renderer.RenderLine(event.source, event::LineOf(event.json))
//   stderr  out << renderer.CloseLine(), then err << renderer.RenderLine(…) as for stdout
//   vm0     the same with what the event says
//
// and out << renderer.CloseLine() after the last one. With `partial`, flush after each event.
// Everything goes through Sanitize, on a pipe as on a terminal; for bytes there is `logs --raw`.
//
// Lines, in order (the label is coloured, values are gray):
//   [init] Starting <agent> agent          Session, Model, Tools
//   [text] <text>                          whole
//   [thinking] <text>                      200 characters
//   [tool_use] <tool>                      a line per input that is not null, 100 characters
//   [tool_result] Completed | Error        the result, 200 characters: text blocks joined by line
//                                          breaks, others as JSON
//   [result] ✓ completed successfully | ✗ failed    Error (200 characters), Duration, Cost, Turns,
//                                          Tokens; missing numbers are 0. A result that comes twice
//                                          in a row is shown once.
//   [<type>] <JSON>                        dialect plain, 200 characters
//   <notice>                               dim, on one line, 200 characters
// Characters are UTF-16 units; what is longer ends with "...". Inputs keep the agent's order. Every
// line of a sub-agent is indented by two spaces per level, 8 levels at most.
class Renderer {
 public:
  struct Options {
    bool full = false;     // cut nothing
    bool verbose = false;  // the time since the previous event behind the label: [+500ms], [+2.3s]
    bool partial = false;  // show text as it is written; without it pieces of text are left out
    Colour colour = Colour::kOff;         // of what goes to stdout
    Colour stderr_colour = Colour::kOff;  // of lines of source stderr and vm0
  };

  explicit Renderer(Options options) : options_(options) {}

  // The event's lines, each with its '\n'; empty for what is not shown. Pieces of a text end
  // without a line break: the full text that follows completes the line and is not printed again,
  // unless it says something else.
  std::string Render(const agent::ParsedEvent& event, WallTime created_at);

  // A line that no dialect reads: of source stdout as it is, stderr dim, vm0 dim behind "[vm0]".
  // `text` has no '\n' at the end.
  std::string RenderLine(event::Source source, std::string_view text);

  // Ends a line of partial text: "\n" if there is one, else nothing.
  std::string CloseLine();

 private:
  // What was shown of a text whose full form has not come yet, known by length and hash only.
  struct PartialText {
    std::size_t bytes = 0;
    std::uint64_t hash = 0;
  };

  std::string RenderDelta(const agent::TextDelta& delta, std::string_view mark);
  std::string RenderText(const agent::ParsedEvent& event, std::string_view mark);
  // The text's end, if its beginning was shown in pieces; nullopt if the text must be shown whole.
  std::optional<std::string> CompletePartial(std::string_view text);
  std::string RenderBlock(const agent::ParsedEvent& event, std::string_view mark);
  std::string Mark(WallTime created_at);
  // Whether it is the result that was shown just before.
  bool IsRepeatedResult(const agent::ParsedEvent& event);
  std::size_t DepthOf(const agent::ParsedEvent& event) const;

  Options options_;
  std::optional<WallTime> previous_;
  std::unordered_map<std::string, std::size_t> sub_agent_depths_;  // by tool call
  std::optional<json::object> last_result_;                        // while nothing was shown since
  std::deque<PartialText> partials_;                               // the last one may still grow
  bool line_open_ = false;
};

}  // namespace vm0::term
