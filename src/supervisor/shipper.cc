// SPDX-License-Identifier: Apache-2.0
#include "supervisor/shipper.h"

#include <algorithm>
#include <utility>

#include "os/fault.h"

namespace vm0::supervisor {

Shipper::Shipper(asio::any_io_executor executor, Parts parts)
    : parts_(parts), changed_(std::move(executor)), offset_(parts.spool.start_offset()) {}

asio::awaitable<Reaction> Shipper::StartAgain(Parts parts) {
  const auto started = co_await parts.client.Start();
  if (started) co_return Reaction::kRetry;
  parts.log.Write("start again: " + started.error().message);
  const Reaction reaction = parts.rules.React(started.error());
  const bool may_do_later = reaction == Reaction::kRetry || reaction == Reaction::kRetryLater;
  co_return may_do_later ? reaction : Reaction::kRefused;
}

void Shipper::Stop() {
  stopping_ = true;
  changed_.Notify();
}

Status Shipper::Rewind(std::int64_t sequence) {
  VM0_ASSIGN(offset_, parts_.spool.OffsetOf(sequence));
  acknowledged_ = sequence - 1;
  return {};
}

void Shipper::ShipFrom(std::int64_t sequence) {
  if (Rewind(sequence)) changed_.Notify();
}

asio::awaitable<Shipper::Outcome> Shipper::ShipAll() {
  stopping_ = false;
  while (offset_ < parts_.spool.end_offset()) {
    if (stopping_) co_return Outcome::kStopped;
    const auto end = co_await ShipBatch();
    if (end) co_return *end;
  }
  co_return Outcome::kAll;
}

asio::awaitable<Shipper::Outcome> Shipper::Follow() {
  for (;;) {
    const Outcome outcome = co_await ShipAll();
    if (outcome != Outcome::kAll) co_return outcome;
    while (!stopping_ && offset_ >= parts_.spool.end_offset()) co_await changed_.Wait();
    if (stopping_) co_return Outcome::kStopped;
  }
}

asio::awaitable<void> Shipper::Pause(Micros delay) {
  const MonoTime until = parts_.clock.Now() + delay;
  while (!stopping_ && parts_.clock.Now() < until) {
    co_await changed_.WaitUntil(parts_.clock, until);
  }
}

asio::awaitable<std::optional<Shipper::Outcome>> Shipper::ShipBatch() {
  auto batch = parts_.spool.Read(offset_, limits_);
  if (!batch) {
    parts_.log.Write(batch.error().message);
    co_await Pause(kRetryLater);
    co_return std::nullopt;
  }
  auto records = batch->records;
  (void)os::FaultFails("supervisor.ship");
  const auto stored = co_await parts_.client.Events(std::move(records));
  if (!stored) co_return co_await TakeError(std::move(*batch), stored.error());
  (void)os::FaultFails("supervisor.shipped");
  parts_.rules.Accepted();
  acknowledged_ = *stored;
  if (*stored == batch->last) {
    backoff_.Reset();
    asked_for_ = 0;
    offset_ = batch->end_offset;
    co_return std::nullopt;
  }
  co_return co_await GoOnFrom(*stored + 1);
}

// The server has another number of records than this batch would have made.
asio::awaitable<std::optional<Shipper::Outcome>> Shipper::GoOnFrom(std::int64_t next) {
  acknowledged_ = next - 1;
  const auto status = Rewind(next);
  if (!status) {
    refusal_ = "it has " + std::to_string(next - 1) + " of them already";
    co_return Outcome::kRefused;
  }
  // A server that asks for the same again and again must not make us hurry.
  if (std::exchange(asked_for_, next) == next) {
    const Micros delay = backoff_.Next();
    co_await Pause(delay);
  }
  co_return std::nullopt;
}

asio::awaitable<std::optional<Shipper::Outcome>> Shipper::TakeError(Batch batch, Error error) {
  Reaction reaction = parts_.rules.React(error);
  parts_.log.Write("events " + std::to_string(batch.first) + " to " + std::to_string(batch.last) +
                   ": " + error.message);
  if (reaction == Reaction::kConflict) reaction = co_await StartAgain(parts_);
  switch (reaction) {
    case Reaction::kResend: {
      const std::int64_t next = *error.number;
      co_return co_await GoOnFrom(next);
    }
    case Reaction::kConflict:
    case Reaction::kRefused:
      refusal_ = error.message;
      co_return Outcome::kRefused;
    case Reaction::kGiveUp:
      co_return Outcome::kGaveUp;
    case Reaction::kHalve:
      if (Halve(batch)) co_return std::nullopt;
      [[fallthrough]];
    case Reaction::kRetryLater:
      co_await Pause(kRetryLater);
      co_return std::nullopt;
    case Reaction::kRetry:
      break;
  }
  const Micros delay = backoff_.Next();
  co_await Pause(delay);
  co_return std::nullopt;
}

// False when the batch is one record: there is nothing to halve.
bool Shipper::Halve(const Batch& batch) {
  if (batch.first == batch.last) return false;
  limits_.bytes = std::max<std::size_t>(batch.records.size() / 2, 1);
  limits_.records = static_cast<std::size_t>(batch.last - batch.first + 1) / 2;
  return true;
}

}  // namespace vm0::supervisor
