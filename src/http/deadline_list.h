// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/intrusive/list.hpp>

#include "os/clock.h"

namespace vm0::http {

// Many deadlines with the same delay: one timer for all, and no memory for each. Loop thread only.
class DeadlineList {
  using Hook = boost::intrusive::list_member_hook<
      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

 public:
  // Waits in at most one list; leaves it when it is destroyed.
  class Entry {
   public:
    virtual ~Entry() = default;
    // It has left its list by then.
    virtual void OnDeadline() = 0;

   protected:
    void StopDeadline() { hook_.unlink(); }

   private:
    friend class DeadlineList;
    Hook hook_;
    MonoTime due_{};
  };

  DeadlineList(os::Clock& clock, Micros delay) : clock_(clock), delay_(delay) {}

  // Due after the delay from now on; an entry of this or another list moves here.
  void Restart(Entry& entry);

 private:
  void Arm();
  void OnTimer();

  os::Clock& clock_;
  const Micros delay_;
  boost::intrusive::list<Entry, boost::intrusive::member_hook<Entry, Hook, &Entry::hook_>,
                         boost::intrusive::constant_time_size<false>>
      entries_;  // the next one first
  // May fire earlier than the first deadline, and is then set again: most are moved long before.
  os::Timer timer_;
  bool armed_ = false;
};

}  // namespace vm0::http
