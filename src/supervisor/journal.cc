// SPDX-License-Identifier: Apache-2.0
#include "supervisor/journal.h"

#include <utility>

#include "os/fault.h"

namespace vm0::supervisor {
namespace {

constexpr Seconds kRetry{1};
constexpr std::size_t kRoomToKeep = 1 << 20;

}  // namespace

Journal::Journal(asio::any_io_executor executor, Parts parts, std::function<void()> spooled)
    : parts_(parts),
      spooled_(std::move(spooled)),
      recorder_(parts.clock),
      unblocked_(std::move(executor)) {}

void Journal::Add(event::Source source, std::string_view json) {
  if (source == event::Source::kAgent) {
    recorder_.Append(burst_, source, json);
  } else {
    recorder_.Append(burst_, source, parts_.masker.Mask(json));
  }
}

void Journal::Flush() {
  if (discarding_) burst_.clear();
  if (burst_.empty()) return;
  const auto status = parts_.spool.Append(burst_, recorder_.last_sequence());
  if (!status) return TakeFailure(status.error());
  (void)os::FaultFails("supervisor.spooled");
  burst_.clear();
  if (burst_.capacity() > kRoomToKeep) burst_.shrink_to_fit();
  spooled_();
  if (blocked()) TellOfWait();
  unblocked_.Notify();
}

void Journal::TakeFailure(const Error& error) {
  if (!blocked()) {
    parts_.log.Write(error.message + "; waiting for room");
    blocked_since_ = parts_.clock.Now();
    blocked_by_ = error.message;
  }
  retry_ = os::Timer(parts_.clock, parts_.clock.Now() + kRetry, [this] { Flush(); });
}

void Journal::TellOfWait() {
  const Seconds waited = blocked_for();
  const std::string message = "the run's spool could not be written for " + FormatDuration(waited) +
                              " (" + blocked_by_ +
                              "): the agent had to wait, and nothing of it is lost";
  parts_.log.Write(message);
  blocked_since_.reset();
  retry_.Cancel();
  Add(event::Source::kVm0, MakeVm0Event("disk_full", message, {{"seconds", waited.count()}}));
  Flush();
}

void Journal::Discard() {
  discarding_ = true;
  blocked_since_.reset();
  retry_.Cancel();
  unblocked_.Notify();
}

Seconds Journal::blocked_for() const {
  if (!blocked_since_) return Seconds(0);
  return std::chrono::duration_cast<Seconds>(parts_.clock.Now() - *blocked_since_);
}

asio::awaitable<void> Journal::Ready() {
  while (blocked()) co_await unblocked_.Wait();
}

std::int64_t Journal::size() const {
  return parts_.spool.end_offset() + static_cast<std::int64_t>(burst_.size());
}

}  // namespace vm0::supervisor
