// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/environment.h"
#include "term/style.h"

namespace vm0::cli {

namespace asio = boost::asio;

// One of stdout and stderr: the only place that writes to it. All that is given is written, however
// many writes it takes. Errors are kIo; a reader that has gone away (EPIPE) sets closed().
class Stream {
 public:
  Stream(int fd, term::Colour colour) : fd_(fd), colour_(colour) {}

  term::Colour colour() const { return colour_; }
  bool is_terminal() const;
  std::string Paint(std::string_view text, term::Style style) const {
    return term::Paint(text, style, colour_);
  }

  // A line of JSON or of raw output: as it is for programs, harmless on a terminal.
  std::string DataLine(std::string line) const;

  // Waits for a slow reader without blocking the loop, so that Ctrl-C is heard meanwhile. One call
  // at a time.
  asio::awaitable<Status> Write(std::string bytes);
  // Blocks.
  Status Print(std::string_view bytes);
  bool closed() const { return closed_; }

 private:
  // Some bytes of it, as many as do not block.
  Result<std::size_t> WriteSome(std::string_view bytes);

  int fd_;
  term::Colour colour_;
  bool closed_ = false;
};

// Where a command writes. stdout is for what the command is about (events, tables, ids); what is
// said about it goes to stderr.
struct Output {
  Stream out;
  Stream err;
  // Leaves out all that is said below but failures.
  bool quiet = false;

  // stdout and stderr of the process, coloured by the rules of term/style.h.
  static Output OfProcess(const Environment& environment);

  // Lines on stderr; `text` is made harmless for a terminal and has no '\n' at its end.
  void Say(std::string_view text);
  void SayDim(std::string_view text);
  void SayPainted(std::string_view text, term::Style style);
  // "✗ <headline>" in red; `detail` below it, gray and indented, if there is one.
  void SayFailure(std::string_view headline, std::string_view detail = "");
};

}  // namespace vm0::cli
