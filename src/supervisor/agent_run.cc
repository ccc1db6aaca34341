// SPDX-License-Identifier: Apache-2.0
#include "supervisor/agent_run.h"

#include <fcntl.h>
#include <signal.h>

#include <utility>

#include "os/process_watch.h"

namespace vm0::supervisor {
namespace {

constexpr Seconds kInterruptPatience{10};
constexpr Seconds kTerminatePatience{5};
// For a process that hangs in the kernel, and for pipes that somebody outside of the box holds.
constexpr Seconds kKillPatience{10};
constexpr Seconds kDrainPatience{5};

}  // namespace

AgentRun::AgentRun(asio::any_io_executor executor, Parts parts, const agent::Limits& limits)
    : executor_(executor),
      parts_(parts),
      exited_changed_(executor),
      last_output_(parts.clock.Now()) {
  facts_.memory_limit = limits.memory_bytes;
  SetTimers(limits);
}

asio::awaitable<Facts> AgentRun::Run(std::unique_ptr<sandbox::Box> box) {
  box_ = std::move(box);
  const OutputReader::Parts reading{parts_.transcript, parts_.journal, [this] { Heard(); }};
  OutputReader out(executor_, box_->stdout_pipe(), Stream::kStdout, reading);
  OutputReader err(executor_, box_->stderr_pipe(), Stream::kStderr, reading);
  os::TaskGroup readers(executor_);
  readers.Spawn(ReadOutput(out));
  readers.Spawn(err.Run());
  co_await AwaitExit();
  for (os::Timer* timer :
       {&timeout_, &idle_timeout_, &result_patience_, &closed_patience_, &escalation_}) {
    timer->Cancel();
  }
  facts_.exit = FinishBox();
  facts_.usage = box_->usage();
  box_.reset();
  co_await ReadToTheEnd(out, err, readers);
  co_await RecordOomKills();
  facts_.outcome = parts_.transcript.outcome();
  co_return facts_;
}

asio::awaitable<void> AgentRun::AwaitExit() {
  os::Fd exit(::fcntl(box_->exit_fd(), F_DUPFD_CLOEXEC, 0));
  const os::ProcessWatch watch(executor_, std::move(exit), [this] {
    exited_ = true;
    exited_changed_.Notify();
  });
  while (!exited_ && !stuck_) co_await exited_changed_.Wait();
}

asio::awaitable<void> AgentRun::ReadOutput(OutputReader& out) {
  co_await out.Run();
  if (exited_ || facts_.ended_by != EndedBy::kNobody) co_return;
  closed_patience_ = os::Timer(parts_.clock, parts_.clock.Now() + kClosedPatience, [this] {
    Record("stdout_closed",
           "the agent closed its standard output and runs on: what it does now can't be seen; its "
           "timeouts hold");
  });
}

void AgentRun::Heard() {
  last_output_ = parts_.clock.Now();
  if (!awaits_exit_ && parts_.transcript.has_result()) {
    ArmResultTimer(last_output_ + kResultPatience);
  }
}

void AgentRun::ArmResultTimer(MonoTime deadline) {
  awaits_exit_ = true;
  result_patience_ = os::Timer(parts_.clock, deadline, [this] {
    awaits_exit_ = parts_.transcript.has_result();  // else it works on
    if (!awaits_exit_) return;
    if (parts_.journal.blocked()) last_output_ = parts_.clock.Now();
    const MonoTime next = last_output_ + kResultPatience;
    if (next > parts_.clock.Now()) return ArmResultTimer(next);
    if (!Begin(EndedBy::kHungAfterResult, FormatDuration(kResultPatience))) return;
    Record("hung_after_result", DescribeEnding(facts_.ended_by, facts_.detail));
    Terminate();
  });
}

Result<os::ExitStatus> AgentRun::FinishBox() {
  if (stuck_) return Fail(Code::kIo, "the agent was killed but does not end");
  return box_->Finish();
}

asio::awaitable<void> AgentRun::ReadToTheEnd(OutputReader& out, OutputReader& err,
                                             os::TaskGroup& readers) {
  const os::Timer grace(parts_.clock, parts_.clock.Now() + kDrainPatience, [&] {
    out.Drain();
    err.Drain();
  });
  co_await readers.Join();
  co_await parts_.journal.Ready();
}

asio::awaitable<void> AgentRun::RecordOomKills() {
  const std::int64_t kills = facts_.usage->oom_kills;
  if (kills == 0) co_return;
  const std::string processes = kills == 1 ? "a process" : std::to_string(kills) + " processes";
  Record("oom", "the kernel killed " + processes + " of the run: " + DescribeMemory(facts_));
  co_await parts_.journal.Ready();
}

void AgentRun::SetTimers(const agent::Limits& limits) {
  if (const auto limit = limits.timeout) {
    timeout_ = os::Timer(parts_.clock, parts_.clock.Now() + *limit, [this, limit] {
      Stop(EndedBy::kTimeout, FormatDuration(*limit), "timeout");
    });
  }
  if (limits.idle_timeout) ArmIdleTimer(*limits.idle_timeout, last_output_ + *limits.idle_timeout);
}

void AgentRun::ArmIdleTimer(Seconds limit, MonoTime deadline) {
  idle_timeout_ = os::Timer(parts_.clock, deadline, [this, limit] {
    // While the spool can't be written it is us who do not listen.
    if (parts_.journal.blocked()) last_output_ = parts_.clock.Now();
    const MonoTime next = last_output_ + limit;
    if (next > parts_.clock.Now()) return ArmIdleTimer(limit, next);
    Stop(EndedBy::kIdleTimeout, FormatDuration(limit), "idle_timeout");
  });
}

// False when the agent has ended, or ends for another reason.
bool AgentRun::Begin(EndedBy reason, std::string detail) {
  if (!box_ || exited_ || facts_.ended_by != EndedBy::kNobody) return false;
  facts_.ended_by = reason;
  facts_.detail = std::move(detail);
  if (parts_.transcript.has_result()) facts_.outcome_before = parts_.transcript.outcome();
  closed_patience_.Cancel();
  return true;
}

void AgentRun::Record(std::string_view event, std::string_view message) {
  parts_.log.Write(message);
  parts_.journal.Add(event::Source::kVm0, MakeVm0Event(event, message));
  parts_.journal.Flush();
}

void AgentRun::Cancel() {
  if (!Begin(EndedBy::kCancel, "")) return;
  Record("cancel", "the run is cancelled: the agent gets SIGINT");
  box_->Signal(SIGINT);
  escalation_ =
      os::Timer(parts_.clock, parts_.clock.Now() + kInterruptPatience, [this] { Terminate(); });
}

void AgentRun::Terminate() {
  parts_.log.Write("the agent gets SIGTERM");
  box_->Signal(SIGTERM);
  escalation_ =
      os::Timer(parts_.clock, parts_.clock.Now() + kTerminatePatience, [this] { Kill(); });
}

void AgentRun::Stop(EndedBy reason, std::string detail, std::string_view event) {
  if (!Begin(reason, std::move(detail))) return;
  if (!event.empty()) Record(event, DescribeEnding(reason, facts_.detail));
  Kill();
}

void AgentRun::Abandon() {
  parts_.journal.Discard();
  if (box_ && !exited_) Kill();
}

void AgentRun::Kill() {
  parts_.log.Write("the agent and all that it started is killed");
  box_->Kill();
  escalation_ = os::Timer(parts_.clock, parts_.clock.Now() + kKillPatience, [this] {
    stuck_ = true;
    exited_changed_.Notify();
  });
}

}  // namespace vm0::supervisor
