// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "event/event.h"
#include "event/record.h"
#include "os/clock.h"

namespace vm0::supervisor {

// Gives each event its number, from 1, and its time, which never goes backward, and hashes the
// chain of records.
class Recorder {
 public:
  // `clock` outlives the recorder.
  explicit Recorder(const os::Clock& clock) : clock_(clock) {}

  // Appends the next record to `out`.
  void Append(std::string& out, event::Source source, std::string_view json);
  std::int64_t last_sequence() const { return last_sequence_; }
  std::string hash() const { return chain_.Hex(); }

 private:
  const os::Clock& clock_;
  std::int64_t last_sequence_ = 0;
  WallTime last_time_{};
  event::ChainHash chain_;
};

// vm0's own word on the run: {"type":"vm0","event":…,"message":…} and more fields.
std::string MakeVm0Event(std::string_view name, std::string_view message, json::object more = {});

}  // namespace vm0::supervisor
