// SPDX-License-Identifier: Apache-2.0
#include "cli/transport_choice.h"

#include <algorithm>
#include <array>

namespace vm0::cli {
namespace {

using client::Transport;

constexpr std::array kRanked = {Transport::kSse, Transport::kLongPoll, Transport::kPoll};

constexpr int kMostStrikes = 3;
// Who is silent where something must be said is held back: once is enough.
constexpr int kStrikesOfSilence = 3;
// A stream that was cut after such a time has served.
constexpr Seconds kServed{10};

}  // namespace

TransportChoice::TransportChoice(std::optional<Transport> only, MonoTime now)
    : only_(only), failed_at_(now) {}

Transport TransportChoice::current() const { return only_.value_or(kRanked[rank_]); }

bool TransportChoice::Succeeded(News news, MonoTime now) {
  if (news == News::kEvents) strikes_ = 0;
  if (!trial_of_) return false;
  trial_of_.reset();
  strikes_ = 0;
  failed_at_ = now;
  RetryLater(now);
  return true;
}

bool TransportChoice::Failed(Code code, MonoTime now) {
  if (only_) return false;
  if (trial_of_) {
    const bool is_fallback = rank_ > *trial_of_;
    if (is_fallback && rank_ + 1 < kRanked.size()) {
      ++rank_;
      return true;
    }
    rank_ = *trial_of_;
    trial_of_.reset();
    // Where all fail the server is away, which says nothing of any of them.
    if (is_fallback) strikes_ = 0;
    if (!is_fallback) RetryLater(now);
    return false;
  }
  if (now - failed_at_ >= kServed) strikes_ = 0;
  failed_at_ = now;
  strikes_ += code == Code::kDeadline ? kStrikesOfSilence : 1;
  if (strikes_ < kMostStrikes || rank_ + 1 == kRanked.size()) return false;
  trial_of_ = rank_++;
  return true;
}

bool TransportChoice::TryBetter(MonoTime now) {
  if (rank_ == 0 || trial_of_ || now < retry_at_) return false;
  trial_of_ = rank_;
  rank_ = 0;
  return true;
}

void TransportChoice::RetryLater(MonoTime now) {
  retry_at_ = now + retry_pause_;
  retry_pause_ = std::min(retry_pause_ * 2, kLastRetry);
}

}  // namespace vm0::cli
