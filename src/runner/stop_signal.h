// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <utility>

namespace vm0::runner {

// Tells everything that is under way that the runner stops. Loop thread only, but for the flag.
class StopSignal {
 public:
  // What to end at once; forgotten with its scope. Called at most once, later or never.
  class Hook {
   public:
    Hook(StopSignal& signal, std::function<void()> action)
        : signal_(signal),
          place_(signal.actions_.insert(signal.actions_.end(), std::move(action))) {}
    ~Hook() { signal_.actions_.erase(place_); }
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;

   private:
    StopSignal& signal_;
    std::list<std::function<void()>>::iterator place_;
  };

  // The actions may not make or end a Hook: they wake, they do not run what they wake.
  void Stop() {
    flag_ = true;
    for (const auto& action : actions_) action();
  }
  bool stopped() const { return flag_; }
  // For blocking work on other threads, to look at now and then.
  const std::atomic<bool>& flag() const { return flag_; }

 private:
  std::atomic<bool> flag_ = false;
  std::list<std::function<void()>> actions_;
};

}  // namespace vm0::runner
