// SPDX-License-Identifier: Apache-2.0
#include "http/deadline_list.h"

namespace vm0::http {

void DeadlineList::Restart(Entry& entry) {
  entry.hook_.unlink();
  entry.due_ = clock_.Now() + delay_;
  entries_.push_back(entry);
  if (!armed_) Arm();
}

void DeadlineList::Arm() {
  armed_ = true;
  timer_ = os::Timer(clock_, entries_.front().due_, [this] { OnTimer(); });
}

void DeadlineList::OnTimer() {
  armed_ = false;
  const MonoTime now = clock_.Now();
  while (!entries_.empty() && entries_.front().due_ <= now) {
    Entry& entry = entries_.front();
    entries_.pop_front();
    entry.OnDeadline();
  }
  if (!entries_.empty() && !armed_) Arm();
}

}  // namespace vm0::http
