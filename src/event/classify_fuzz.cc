// SPDX-License-Identifier: Apache-2.0
// Any line is classified, what comes out is an event, and its line comes back.
#include <string>

#include "base/fuzz.h"
#include "event/classify.h"

using vm0::fuzz::Expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string line(vm0::fuzz::View(data, size));
  std::erase(line, '\n');
  const auto classified = vm0::event::Classify(line);
  Expect(vm0::event::IsEvent(classified.json), "what Classify gives is an event");
  Expect(!vm0::event::TypeOf(classified.json).empty(), "an event has a type");
  const bool kept = classified.source == vm0::event::Source::kAgent;
  Expect((kept ? classified.json : vm0::event::LineOf(classified.json)) == line,
         "an event gives its line back");
  const auto wrapped = vm0::event::ClassifyStderr(line);
  Expect(vm0::event::IsEvent(wrapped.json), "what ClassifyStderr gives is an event");
  Expect(vm0::event::LineOf(wrapped.json) == line, "an event of stderr gives its line back");
  return 0;
}
