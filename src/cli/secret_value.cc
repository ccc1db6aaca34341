// SPDX-License-Identifier: Apache-2.0
#include "cli/secret_value.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>

namespace vm0::cli {
namespace {

constexpr std::size_t kMaxBytes = 64 << 10;

// Does not show what is typed while it lives. Ctrl-C must not leave the terminal like that: signals
// wait until it is set back.
class HiddenTyping {
 public:
  HiddenTyping() {
    is_terminal_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!is_terminal_) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    hidden.c_lflag |= ECHONL;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ISIG);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  ~HiddenTyping() {
    if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  HiddenTyping(const HiddenTyping&) = delete;
  HiddenTyping& operator=(const HiddenTyping&) = delete;

  bool is_terminal() const { return is_terminal_; }

 private:
  termios before_{};
  bool is_terminal_ = false;
};

// Until the end, on a terminal until the end of the line, or until it is too much.
Result<std::string> ReadStdin(bool one_line) {
  std::string text;
  text.reserve(kMaxBytes + 3);  // no copy of a value stays behind in memory that was given up
  while (text.size() <= kMaxBytes + 2) {
    char c = '\0';
    const ssize_t size = ::read(STDIN_FILENO, &c, 1);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Fail(SystemError("read", "stdin"));
    if (size == 0) break;
    if (one_line && c == '\x03') return Fail(Code::kBadRequest, "Interrupted");
    text += c;
    if (one_line && c == '\n') break;
  }
  return text;
}

}  // namespace

Result<std::string> ReadSecretValue(const std::string& name, Output& output) {
  std::string value;
  {
    const HiddenTyping hidden;
    if (hidden.is_terminal()) output.Say("Value of " + name + " (it is not shown), then Enter:");
    VM0_ASSIGN(value, ReadStdin(hidden.is_terminal()));
  }
  if (value.ends_with('\n')) value.pop_back();
  if (value.ends_with('\r')) value.pop_back();
  if (value.empty()) return Fail(Code::kBadRequest, "The value of " + name + " is empty");
  if (value.size() > kMaxBytes)
    return Fail(Code::kBadRequest, "The value of " + name + " is larger than 64 KiB");
  return value;
}

}  // namespace vm0::cli
