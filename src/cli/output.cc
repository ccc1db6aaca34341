// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "os/fd.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

// What a pipe takes without blocking once poll calls it writable (PIPE_BUF). The descriptor itself
// stays blocking: it may be shared with other programs.
constexpr std::size_t kChunk = 4096;

bool IsWritable(int fd, int timeout_ms) {
  pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

// Readiness of a descriptor that the loop may not own or close.
asio::awaitable<void> WaitWritable(int fd) {
  os::Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) co_return;
  const auto executor = co_await asio::this_coro::executor;
  boost::system::error_code ignored;
  asio::posix::stream_descriptor descriptor(executor);
  descriptor.assign(copy.get(), ignored);
  if (ignored) co_return;
  copy.Release();
  co_await descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                                 asio::redirect_error(asio::use_awaitable, ignored));
}

term::Colour ColourOf(int fd, const Environment& environment) {
  return term::DecideColour({.is_terminal = ::isatty(fd) == 1,
                             .no_color = environment.Find("NO_COLOR"),
                             .force_color = environment.Find("FORCE_COLOR"),
                             .term = environment.Find("TERM")});
}

}  // namespace

Result<std::size_t> Stream::WriteSome(std::string_view bytes) {
  for (;;) {
    const ssize_t written = ::write(fd_, bytes.data(), std::min(bytes.size(), kChunk));
    if (written >= 0) return static_cast<std::size_t>(written);
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return 0;
    if (errno == EPIPE || errno == EIO) closed_ = true;
    return Fail(SystemError("write", fd_ == STDOUT_FILENO ? "stdout" : "stderr"));
  }
}

asio::awaitable<Status> Stream::Write(std::string bytes) {
  std::string_view rest = bytes;
  while (!rest.empty()) {
    if (!IsWritable(fd_, 0)) co_await WaitWritable(fd_);
    const auto written = WriteSome(rest);
    if (!written) co_return Fail(written.error());
    rest.remove_prefix(*written);
  }
  co_return Status{};
}

Status Stream::Print(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = WriteSome(bytes);
    if (!written) return Fail(written.error());
    bytes.remove_prefix(*written);
    // Somebody else made the descriptor non-blocking.
    if (*written == 0) IsWritable(fd_, -1);
  }
  return {};
}

std::string Stream::DataLine(std::string line) const {
  return is_terminal() ? term::SanitizeLine(line) : line;
}

bool Stream::is_terminal() const { return ::isatty(fd_) == 1; }

Output Output::OfProcess(const Environment& environment) {
  return {.out = Stream(STDOUT_FILENO, ColourOf(STDOUT_FILENO, environment)),
          .err = Stream(STDERR_FILENO, ColourOf(STDERR_FILENO, environment))};
}

// Nobody is left to be told when stderr fails.
void Output::Say(std::string_view text) {
  if (!quiet) (void)err.Print(term::Sanitize(text) + "\n");
}

void Output::SayDim(std::string_view text) { SayPainted(text, term::Style::kDim); }

void Output::SayPainted(std::string_view text, term::Style style) {
  if (!quiet) (void)err.Print(err.Paint(term::Sanitize(text), style) + "\n");
}

void Output::SayFailure(std::string_view headline, std::string_view detail) {
  std::string lines = err.Paint("✗ " + term::Sanitize(headline), term::Style::kRed) + "\n";
  if (!detail.empty()) lines += err.Paint("  " + term::Sanitize(detail), term::Style::kGray) + "\n";
  (void)err.Print(lines);
}

}  // namespace vm0::cli
