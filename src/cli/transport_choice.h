// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "client/event_reader.h"

namespace vm0::cli {

// By which transport events are fetched: server-sent events; where something on the way breaks
// them, long-poll; where it breaks these, too, plain poll. A fallback counts once it has given a
// page: if it fails as well, nothing is wrong with the transport. Better ones are tried again
// later. Decides only; opens nothing and waits for nothing. Owned by EventStream, loop thread only.
class TransportChoice {
 public:
  // `only`: this one, whatever happens.
  TransportChoice(std::optional<client::Transport> only, MonoTime now);

  client::Transport current() const;
  // Whether that is the best of all, or the only one.
  bool is_best() const { return rank_ == 0; }

  enum class News { kEvents, kNone };
  // A page came. True when a transport that was on trial has proved itself.
  bool Succeeded(News news, MonoTime now);
  // It failed. True when another one is to be tried at once.
  bool Failed(Code code, MonoTime now);
  // True when it is time to try a better one, which is `current` then.
  bool TryBetter(MonoTime now);

 private:
  static constexpr Micros kFirstRetry = Seconds(60);
  static constexpr Micros kLastRetry = Seconds(600);

  void RetryLater(MonoTime now);

  std::optional<client::Transport> only_;
  std::size_t rank_ = 0;
  std::optional<std::size_t> trial_of_;  // the rank that we came from, while another is on trial
  int strikes_ = 0;                      // failures without an event in between
  MonoTime failed_at_;
  MonoTime retry_at_{};
  Micros retry_pause_ = kFirstRetry;
};

}  // namespace vm0::cli
