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
  if (!status) {
    if (!blocked_) parts_.log.Write(status.error().message + "; waiting for room");
    blocked_ = true;
    retry_ = os::Timer(parts_.clock, parts_.clock.Now() + kRetry, [this] { Flush(); });
    return;
  }
  (void)os::FaultFails("supervisor.spooled");
  if (blocked_) parts_.log.Write("the spool can be written again");
  blocked_ = false;
  retry_.Cancel();
  burst_.clear();
  if (burst_.capacity() > kRoomToKeep) burst_.shrink_to_fit();
  spooled_();
  unblocked_.Notify();
}

void Journal::Discard() {
  discarding_ = true;
  blocked_ = false;
  retry_.Cancel();
  unblocked_.Notify();
}

asio::awaitable<void> Journal::Ready() {
  while (blocked_) co_await unblocked_.Wait();
}

std::int64_t Journal::size() const {
  return parts_.spool.end_offset() + static_cast<std::int64_t>(burst_.size());
}

}  // namespace vm0::supervisor
