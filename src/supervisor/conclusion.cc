// SPDX-License-Identifier: Apache-2.0
#include "supervisor/conclusion.h"

#include <optional>
#include <utility>

#include "base/run_error.h"

namespace vm0::supervisor {
namespace {

// More gaps than this are no progress.
constexpr int kGapsWithoutPause = 3;

// The end of a run whose stored records are not all of ours, or not ours.
void EndWithStored(client::CompleteMessage& message, std::int64_t stored) {
  message.last_sequence = stored;
  message.output_complete = false;
  message.hash.clear();
}

void Fault(client::CompleteMessage& message, const std::string& refusal) {
  if (message.status != "completed") return;
  message.status = InfoOf(RunError::kEventsRefused).status;
  message.reason = Describe(RunError::kEventsRefused, refusal);
  message.error_code = InfoOf(RunError::kEventsRefused).name;
}

// Our number is not the server's: ships the rest, or ends with what is stored.
void TakeGap(Shipper& shipper, client::CompleteMessage& message, std::int64_t next, bool& ships) {
  if (ships && next <= message.last_sequence && shipper.Rewind(next)) return;
  EndWithStored(message, next - 1);
  ships = false;
}

// What Complete's error means; nullopt: again.
asio::awaitable<std::optional<Conclusion>> TakeError(Shipper::Parts parts, client::Backoff& backoff,
                                                     Reaction reaction) {
  if (reaction == Reaction::kConflict) reaction = co_await Shipper::StartAgain(parts);
  switch (reaction) {
    case Reaction::kConflict:
    case Reaction::kRefused:
      co_return Conclusion::kDifferent;
    case Reaction::kGiveUp:
      co_return Conclusion::kGaveUp;
    case Reaction::kResend:
    case Reaction::kRetry: {
      const Micros delay = backoff.Next();
      co_await os::Sleep(parts.clock, delay);
      co_return std::nullopt;
    }
    default:
      co_await os::Sleep(parts.clock, kRetryLater);
      co_return std::nullopt;
  }
}

}  // namespace

asio::awaitable<Conclusion> Conclude(Shipper& shipper, Shipper::Parts parts,
                                     client::CompleteMessage message) {
  client::Backoff backoff;
  bool ships = true;
  int gaps = 0;
  for (;;) {
    const auto outcome = ships ? co_await shipper.ShipAll() : Shipper::Outcome::kAll;
    if (outcome == Shipper::Outcome::kGaveUp) co_return Conclusion::kGaveUp;
    if (outcome == Shipper::Outcome::kRefused) {
      Fault(message, shipper.refusal());
      EndWithStored(message, shipper.acknowledged());
      ships = false;
    }
    const auto status = co_await parts.client.Complete(message);
    if (status) co_return Conclusion::kAcknowledged;
    parts.log.Write("complete: " + status.error().message);
    const Reaction reaction = parts.rules.React(status.error());
    if (reaction == Reaction::kResend) {
      TakeGap(shipper, message, *status.error().number, ships);
      if (++gaps <= kGapsWithoutPause) continue;
    }
    const auto end = co_await TakeError(parts, backoff, reaction);
    if (end) co_return *end;
  }
}

}  // namespace vm0::supervisor
