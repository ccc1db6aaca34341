// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/epoll.h>

#include <fstream>
#include <sstream>

#include "appender.h"
#include "measures.h"
#include "reader.h"
#include "stamp.h"

namespace load {
namespace {

// The anonymous memory of a process: its code and its files are not its readers'.
double MemoryOf(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stod(line.substr(8)) * 1024;
  }
  return 0;
}

class Readers {
 public:
  explicit Readers(const Options& options) : poll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (int i = 0; i < options.connections; ++i) {
      readers_.push_back(MakeReader(options, options.targets.front()));
      readers_.back()->Begin();
      epoll_event event{EPOLLIN, {.u32 = static_cast<std::uint32_t>(i)}};
      epoll_ctl(poll_, EPOLL_CTL_ADD, readers_.back()->fd(), &event);
    }
  }
  // Until every reader has the head of its answer.
  void AwaitHeads() {
    std::vector<bool> has_head(readers_.size());
    for (std::size_t heads = 0; heads < readers_.size();) {
      Read([&](std::uint32_t reader) {
        readers_[reader]->OnReadable([](std::int64_t) {});
        if (!has_head[reader]) ++heads;
        has_head[reader] = true;
      });
    }
  }
  // Until every reader has one record more.
  void AwaitRecord() {
    for (std::size_t have = 0; have < readers_.size();) {
      Read([&](std::uint32_t reader) {
        readers_[reader]->OnReadable([&](std::int64_t) { ++have; });
      });
    }
  }

 private:
  void Read(const std::function<void(std::uint32_t)>& readable) const {
    epoll_event events[256];
    const int ready = epoll_wait(poll_, events, 256, 60'000);
    if (ready <= 0) Fail("not every reader has what all should have");
    for (int i = 0; i < ready; ++i) readable(events[i].data.u32);
  }

  int poll_;
  std::vector<std::unique_ptr<Reader>> readers_;
};

void Write(Appender& appender) {
  pollfd fd{appender.fd(), POLLIN, 0};
  do {
    poll(&fd, 1, -1);
  } while (!appender.Answered());
}

}  // namespace

Figures MeasureFanOut(const Options& options) {
  const auto appender = MakeAppender(options, 0);
  const double before = MemoryOf(options.pid);
  Readers readers(options);
  std::vector<std::int64_t> took;
  double memory = 0;
  readers.AwaitHeads();
  for (int i = 0; i <= options.count; ++i) {
    const std::int64_t began = Now();
    appender->Append();
    readers.AwaitRecord();
    const std::int64_t ended = Now();
    Write(*appender);
    if (i == 0) memory = MemoryOf(options.pid) - before;  // the first one shows that all are there
    if (i > 0) took.push_back(ended - began);
  }
  return {{"p50_us", Percentile(took, 0.5)},
          {"max_us", Percentile(took, 1)},
          {"bytes_per_reader", memory / options.connections}};
}

}  // namespace load
