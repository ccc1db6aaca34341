// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "agent/config.h"
#include "os/condition.h"
#include "os/task_group.h"
#include "sandbox/sandbox.h"
#include "supervisor/judge.h"
#include "supervisor/log.h"
#include "supervisor/output_reader.h"
#include "supervisor/transcript.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// The agent from its start to its end: reads what it prints, counts its timeouts, cancels it, kills
// its tree, ends one that gave its result and does not exit. Judges nothing (judge.h). Loop thread
// only; what it is made of outlives it.
class AgentRun {
 public:
  struct Parts {
    os::Clock& clock;
    Log& log;
    Journal& journal;
    Transcript& transcript;
  };
  // `limits` count from now.
  AgentRun(asio::any_io_executor executor, Parts parts, const agent::Limits& limits);

  // Of an agent that gave its result and does not exit, from its last output on.
  static constexpr Seconds kResultPatience{10};
  // Of one that closed its standard output and runs on, until that is told.
  static constexpr Seconds kClosedPatience{10};

  // Until the box has ended and all that it printed is in the journal. Once.
  asio::awaitable<Facts> Run(std::unique_ptr<sandbox::Box> box);

  // SIGINT, 10 s later SIGTERM, 5 s later the tree. Nothing once the agent has ended, or when
  // something else ends it already.
  void Cancel();
  // Kills the tree for that reason, unless it ends for another one already; `detail` as in Facts.
  // An event of that name is recorded unless it is empty.
  void Stop(EndedBy reason, std::string detail, std::string_view event);
  // Kills the tree: nobody wants its output any more.
  void Abandon();

 private:
  asio::awaitable<void> AwaitExit();
  asio::awaitable<void> ReadOutput(OutputReader& out);
  void Heard();
  void ArmResultTimer(MonoTime deadline);
  asio::awaitable<void> ReadToTheEnd(OutputReader& out, OutputReader& err, os::TaskGroup& readers);
  Result<os::ExitStatus> FinishBox();
  void SetTimers(const agent::Limits& limits);
  asio::awaitable<void> RecordOomKills();
  void ArmIdleTimer(Seconds limit, MonoTime deadline);
  bool Begin(EndedBy reason, std::string detail);
  void Terminate();
  void Kill();
  void Record(std::string_view event, std::string_view message);

  asio::any_io_executor executor_;
  Parts parts_;
  os::Condition exited_changed_;
  std::unique_ptr<sandbox::Box> box_;
  Facts facts_;
  MonoTime last_output_;
  bool exited_ = false;
  bool stuck_ = false;        // killed, and did not end
  bool awaits_exit_ = false;  // a result came: result_patience_ runs
  os::Timer timeout_;
  os::Timer idle_timeout_;
  os::Timer result_patience_;
  os::Timer closed_patience_;
  os::Timer escalation_;
};

}  // namespace vm0::supervisor
