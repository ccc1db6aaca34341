// SPDX-License-Identifier: Apache-2.0
#include "cli/screen.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string_view>

#include "os/fd.h"

namespace vm0::cli {
namespace {

// Another screen, no cursor, long lines end at the edge; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

asio::awaitable<void> WaitForEver() {
  asio::steady_timer never(co_await asio::this_coro::executor,
                           asio::steady_timer::time_point::max());
  co_await never.async_wait(asio::use_awaitable);
}

}  // namespace

Screen::Screen(Stream& out)
    : out_(out),
      in_flags_(::fcntl(STDIN_FILENO, F_GETFL)),
      out_flags_(::fcntl(STDOUT_FILENO, F_GETFL)) {
  termios mode{};
  if (::tcgetattr(STDIN_FILENO, &mode) == 0) {
    mode_ = mode;
    mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    mode.c_cc[VSUSP] = _POSIX_VDISABLE;  // who is stopped can't give the terminal back
    (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
  }
  (void)out_.Print(kEnter);
}

Screen::~Screen() {
  (void)out_.Print(kLeave);
  if (mode_) (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &*mode_);
  if (in_flags_ >= 0) (void)::fcntl(STDIN_FILENO, F_SETFL, in_flags_);
  if (out_flags_ >= 0) (void)::fcntl(STDOUT_FILENO, F_SETFL, out_flags_);
}

TopSize Screen::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    return {.columns = 80, .rows = 24};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

asio::awaitable<Status> Screen::Show(std::vector<std::string> lines) {
  std::string bytes = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i)
    bytes += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
  bytes += "\x1b[J";
  co_return co_await out_.Write(std::move(bytes));
}

asio::awaitable<void> Screen::AwaitQuit() {
  os::Fd copy(::isatty(STDIN_FILENO) == 1 ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : -1);
  if (!copy.is_open()) co_await WaitForEver();
  asio::posix::stream_descriptor keys(co_await asio::this_coro::executor, copy.Release());
  for (;;) {
    boost::system::error_code error;
    co_await keys.async_wait(asio::posix::stream_descriptor::wait_read,
                             asio::redirect_error(asio::use_awaitable, error));
    std::array<char, 64> pressed{};
    const ssize_t count = error ? 0 : ::read(STDIN_FILENO, pressed.data(), pressed.size());
    if (count <= 0) co_return;  // the terminal is gone
    const std::string_view text(pressed.data(), static_cast<std::size_t>(count));
    if (text.find_first_of("qQ") != std::string_view::npos) co_return;
  }
}

}  // namespace vm0::cli
