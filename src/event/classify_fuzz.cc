// SPDX-License-Identifier: Apache-2.0
// Any line is classified, what comes out is an event, and its line comes back.
#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>

#include "event/classify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string line(reinterpret_cast<const char*>(data), size);
  std::erase(line, '\n');
  const auto classified = vm0::event::Classify(line);
  if (!vm0::event::IsEvent(classified.json)) __builtin_trap();
  const std::string type = vm0::event::TypeOf(classified.json);
  if (type.empty()) __builtin_trap();
  if (classified.source == vm0::event::Source::kStdout) {
    if (vm0::event::LineOf(classified.json) != line) __builtin_trap();
  } else if (classified.json != line) {
    __builtin_trap();
  }
  return 0;
}
