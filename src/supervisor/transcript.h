// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "agent/dialect.h"
#include "event/event.h"
#include "supervisor/journal.h"
#include "supervisor/line_splitter.h"
#include "supervisor/masker.h"

namespace vm0::supervisor {

enum class Stream { kStdout, kStderr };

// What the agent's lines become: masked, classified, recorded; and what they tell about its end.
// Writes nothing itself (Journal). Loop thread only; what it is made of outlives it.
class Transcript {
 public:
  struct Limits {
    std::size_t line_bytes = 0;
    std::int64_t spool_bytes = 0;
  };
  Transcript(Journal& journal, const Masker& masker, const agent::Dialect& dialect, Limits limits,
             std::function<void()> spool_full);

  // A splitter for one of the streams, of the line limit here.
  LineSplitter MakeSplitter() const;
  void Take(Stream stream, const Line& line);

  // After an event that did not come through here: whether the spool is full now.
  void CheckSpool();

  // Of the last terminal event.
  const std::optional<agent::Outcome>& outcome() const { return outcome_; }
  // Whether that is the agent's last word as far as can be told: no turn has begun since, and
  // nothing of it works in the background. All that is left is to exit.
  bool has_result() const { return outcome_ && !turn_goes_on_ && !works_in_background_; }

 private:
  void TakeCut(Stream stream, const Line& line);
  void TakeWhole(Stream stream, std::string_view text);
  void TakeSigns(std::string_view json);

  Journal& journal_;
  const Masker& masker_;
  const agent::Dialect& dialect_;
  Limits limits_;
  std::function<void()> spool_full_;
  std::optional<agent::Outcome> outcome_;
  bool turn_goes_on_ = false;  // after a terminal event
  bool works_in_background_ = false;
  bool full_ = false;
};

}  // namespace vm0::supervisor
