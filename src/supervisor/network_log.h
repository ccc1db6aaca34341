// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

#include "egress/entry.h"
#include "os/clock.h"
#include "supervisor/journal.h"

namespace vm0::supervisor {

// Makes events of what the agent did on the network: source vm0, "event":"network", with the fields
// of egress::Entry. Of refusals that are alike within a second the first is an event at once, and
// the others together are one more at the second's end, with how many they were ("times"). Loop
// thread only; what it is made of outlives it.
class NetworkLog {
 public:
  // `recorded` is called after each event.
  NetworkLog(os::Clock& clock, Journal& journal, std::function<void()> recorded);

  void Add(const egress::Entry& entry);
  // What is only counted so far becomes events now.
  void Flush();

 private:
  struct Repeated {
    egress::Entry last;
    int times = 0;  // since the event that was made at once
  };
  void Count(const std::string& key, const egress::Entry& entry);
  void Record(const egress::Entry& entry, int times);

  os::Clock& clock_;
  Journal& journal_;
  std::function<void()> recorded_;
  std::map<std::string, Repeated> repeated_;  // of this second
  os::Timer second_;
};

}  // namespace vm0::supervisor
