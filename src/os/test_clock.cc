// SPDX-License-Identifier: Apache-2.0
#include "os/clock.h"

#ifdef VM0_TEST_HOOKS

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <cerrno>
#include <cstdio>

#include "base/text.h"
#include "os/fd.h"
#include "os/timer_queue.h"
#include "os/unix_address.h"

namespace vm0::os {
namespace {

struct Times {
  MonoTime mono;
  WallTime wall;
};

// "now <mono-µs> <wall-µs>"
std::optional<Times> ParseNow(std::string_view line) {
  const auto words = Split(line, ' ');
  if (words.size() != 3 || words[0] != "now") return std::nullopt;
  const auto mono = ParseInt(words[1]);
  const auto wall = ParseInt(words[2]);
  if (!mono || !wall) return std::nullopt;
  return Times{MonoTime(Micros(*mono)), WallTime(Micros(*wall))};
}

class TestClock final : public Clock {
 public:
  TestClock(asio::io_context& loop, Fd socket, Times times)
      : socket_(loop, asio::local::stream_protocol(), socket.Release()) {
    Set(times);
    ReadNext();
  }

  MonoTime Now() const override { return MonoTime(Micros(mono_.load())); }
  WallTime WallNow() const override { return WallTime(Micros(wall_.load())); }

  TimerId At(MonoTime deadline, std::function<void()> action) override {
    const TimerId id = queue_.Add(deadline, std::move(action));
    // One that is due has no advance to wait for.
    if (deadline <= Now()) {
      asio::post(socket_.get_executor(), [this, alive = std::weak_ptr<bool>(alive_)] {
        if (!alive.expired()) queue_.Run(Now());
        if (!alive.expired()) ReportNext();
      });
    } else {
      ReportNext();
    }
    return id;
  }

  bool Cancel(TimerId id) override {
    if (!queue_.Cancel(id)) return false;
    ReportNext();
    return true;
  }

 private:
  void Set(Times times) {
    mono_ = times.mono.time_since_epoch().count();
    wall_ = times.wall.time_since_epoch().count();
  }

  // The end of the connection is the end of the test: time stands still from then on.
  void Send(const std::string& line) { (void)WriteAll(socket_.native_handle(), line); }

  void ReportNext() {
    const auto next = queue_.next();
    const std::int64_t deadline = next ? next->time_since_epoch().count() : -1;
    if (deadline == reported_) return;
    reported_ = deadline;
    Send("timer " + std::to_string(deadline) + "\n");
  }

  void ReadNext() {
    asio::async_read_until(socket_, asio::dynamic_buffer(input_), '\n',
                           [this, alive = std::weak_ptr<bool>(alive_)](auto error, auto size) {
                             if (!error && !alive.expired()) Take(size);
                           });
  }

  void Take(std::size_t size) {
    const auto times = ParseNow(std::string_view(input_).substr(0, size - 1));
    input_.erase(0, size);
    if (times) {
      Set(*times);
      // Those that a timer sets for now are part of this advance.
      while (queue_.next() && *queue_.next() <= Now()) queue_.Run(Now());
      ReportNext();
      Send("idle " + std::to_string(mono_) + "\n");
    }
    ReadNext();
  }

  asio::local::stream_protocol::socket socket_;
  std::string input_;
  std::atomic<std::int64_t> mono_ = 0;
  std::atomic<std::int64_t> wall_ = 0;
  std::int64_t reported_ = -1;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  TimerQueue queue_;
};

// Byte by byte: what follows the line is for the loop.
Result<std::string> ReadLine(int fd) {
  std::string line;
  char next = 0;
  for (;;) {
    const ssize_t count = ::read(fd, &next, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(SystemError("read"));
    if (count == 0) return Fail(Code::kIo, "closed before the first line");
    if (next == '\n') return line;
    line += next;
  }
}

Result<Times> Greet(int fd, const UnixAddress& address, const std::string& role) {
  if (::connect(fd, address.data(), address.size()) != 0) return Fail(SystemError("connect"));
  VM0_TRY(WriteAll(fd, "hello " + std::to_string(::getpid()) + " " + role + "\n"));
  VM0_ASSIGN(const std::string line, ReadLine(fd));
  const auto times = ParseNow(line);
  if (!times) return Fail(Code::kIo, "first line is not \"now <mono> <wall>\": " + line);
  return *times;
}

}  // namespace

Result<std::unique_ptr<Clock>> ConnectTestClock(asio::io_context& loop, const std::string& path,
                                                const std::string& role) {
  VM0_ASSIGN(const UnixAddress address, MakeUnixAddress(path));
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return Fail(SystemError("socket"));
  const auto times = Greet(socket.get(), address, role);
  if (!times) return Fail(Code::kIo, "test clock " + path + ": " + times.error().message);
  return std::make_unique<TestClock>(loop, std::move(socket), *times);
}

}  // namespace vm0::os

#else

namespace vm0::os {

Result<std::unique_ptr<Clock>> ConnectTestClock(asio::io_context&, const std::string& path,
                                                const std::string&) {
  return Fail(Code::kIo, "test clock " + path + ": this build has no test hooks");
}

}  // namespace vm0::os

#endif
