// SPDX-License-Identifier: Apache-2.0
#include <sys/epoll.h>

#include "appender.h"
#include "measures.h"
#include "stamp.h"

namespace load {
namespace {

struct Loop {
  std::unique_ptr<Appender> appender;
  std::int64_t asked_at = 0;

  void Ask() {
    asked_at = Now();
    appender->Append();
  }
};

}  // namespace

Figures MeasureAppend(const Options& options) {
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Loop> loops(options.connections);
  for (int i = 0; i < options.connections; ++i) {
    loops[i].appender = MakeAppender(options, i);
    epoll_event event{EPOLLIN, {.u32 = static_cast<std::uint32_t>(i)}};
    epoll_ctl(poll, EPOLL_CTL_ADD, loops[i].appender->fd(), &event);
  }
  const std::int64_t began = Now();
  const std::int64_t ends = began + static_cast<std::int64_t>(options.seconds * 1e9);
  for (Loop& loop : loops) loop.Ask();
  std::vector<std::int64_t> took;
  std::int64_t now = began;
  for (int open = options.connections; open > 0;) {
    epoll_event events[64];
    const int ready = epoll_wait(poll, events, 64, 30'000);
    if (ready <= 0) Fail("no answer in 30 s");
    for (int i = 0; i < ready; ++i) {
      Loop& loop = loops[events[i].data.u32];
      if (!loop.appender->Answered()) continue;
      now = Now();
      took.push_back(now - loop.asked_at);
      if (now < ends) {
        loop.Ask();
      } else {
        --open;
      }
    }
  }
  const double records = static_cast<double>(took.size()) * options.batch;
  return {{"records_per_s", records / (static_cast<double>(now - began) / 1e9)},
          {"requests", static_cast<double>(took.size())},
          {"p50_us", Percentile(took, 0.5)},
          {"p99_us", Percentile(took, 0.99)}};
}

}  // namespace load
