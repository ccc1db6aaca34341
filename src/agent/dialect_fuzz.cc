// SPDX-License-Identifier: Apache-2.0
// Any bytes are parsed by every dialect: nothing is thrown, what comes out is text, not much longer
// than what came in, and the outcome is the one that the events tell.
#include <string>
#include <variant>

#include "agent/dialect.h"
#include "base/fuzz.h"
#include "base/json_scan.h"
#include "base/text.h"
#include "event/classify.h"

namespace {

using namespace vm0;
using fuzz::Expect;

// A byte of an event becomes at most some bytes of what it means: a number in full, a block that
// is all names.
constexpr std::size_t kGrowth = 64;
constexpr std::size_t kLeast = 4096;

const agent::ResultEvent* ResultOf(const std::vector<agent::ParsedEvent>& events) {
  return events.size() == 1 ? std::get_if<agent::ResultEvent>(&events[0].data) : nullptr;
}

void Check(const agent::Dialect& dialect, std::string_view raw) {
  const auto events = dialect.Parse(raw);
  std::size_t total = 0;
  for (const agent::ParsedEvent& event : events) {
    const std::string text = ToJson(json::value(agent::ToJson(event)));
    Expect(IsJson(text) && IsValidUtf8(text), "a parsed event is JSON");
    total += text.size();
  }
  Expect(total <= kGrowth * raw.size() + kLeast, "what is parsed is not much longer");
  Expect(events.empty() || event::IsEvent(raw) || IsJson(raw), "only events are parsed");
  const auto outcome = dialect.Terminal(raw);
  if (!outcome) return;
  const agent::ResultEvent* result = ResultOf(events);
  Expect(
      result != nullptr && result->success == outcome->success && result->result == outcome->result,
      "the outcome is the one of the result");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const std::string_view name : agent::DialectNames())
    Check(*agent::FindDialect(name), fuzz::View(data, size));
  return 0;
}
