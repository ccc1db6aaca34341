// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>

#include "appender.h"
#include "measures.h"
#include "reader.h"
#include "stamp.h"

namespace load {

Figures MeasureLatency(const Options& options) {
  const auto appender = MakeAppender(options, 0);
  const auto reader = MakeReader(options, options.targets.front());
  std::vector<std::int64_t> took;
  const auto found = [&](std::int64_t stamp) { took.push_back(Now() - stamp); };
  reader->Begin();
  const std::int64_t pause = 1'000'000'000 / options.rate;
  std::int64_t next = Now() + 300'000'000;  // the reader is there by then
  const std::int64_t hang = next + pause * options.count + 30'000'000'000;
  bool is_asking = false;
  for (int written = 0; static_cast<int>(took.size()) < options.count;) {
    const std::int64_t now = Now();
    if (now > hang)
      Fail(std::to_string(took.size()) + " records read of " + std::to_string(written));
    if (!is_asking && written < options.count && now >= next) {
      next += pause;
      appender->Append();
      is_asking = true;
      ++written;
    }
    if (now >= reader->wake_at()) reader->OnTime();
    const bool may_write = !is_asking && written < options.count;
    const std::int64_t until =
        std::min({may_write ? next : INT64_MAX, reader->wake_at(), now + 1'000'000'000});
    const std::int64_t wait = std::max<std::int64_t>(0, until - Now());
    pollfd fds[] = {{appender->fd(), POLLIN, 0}, {reader->fd(), POLLIN, 0}};
    const timespec timeout{wait / 1'000'000'000, wait % 1'000'000'000};
    ppoll(fds, 2, &timeout, nullptr);
    if (fds[1].revents != 0) reader->OnReadable(found);
    if (fds[0].revents != 0 && appender->Answered()) is_asking = false;
  }
  return {{"p50_us", Percentile(took, 0.5)},
          {"p99_us", Percentile(took, 0.99)},
          {"max_us", Percentile(took, 1)}};
}

}  // namespace load
