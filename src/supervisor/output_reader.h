// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include "os/fd.h"
#include "supervisor/transcript.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// Reads one of the agent's pipes into the transcript, no faster than the journal takes it. Loop
// thread only; what it is made of outlives it.
class OutputReader {
 public:
  struct Parts {
    Transcript& transcript;
    Journal& journal;
    std::function<void()>
        heard;  // after each piece of output, and after a last line without a line break
  };
  // Takes the pipe over; it must be non-blocking.
  OutputReader(asio::any_io_executor executor, os::Fd& pipe, Stream stream, Parts parts);

  // Until the pipe's end.
  asio::awaitable<void> Run();
  // Nobody shall write any more, but somebody still holds the pipe: Run ends with what is in it
  // now.
  void Drain();

 private:
  asio::awaitable<std::size_t> ReadSome();
  std::size_t ReadNow();

  asio::posix::stream_descriptor pipe_;
  Stream stream_;
  Parts parts_;
  LineSplitter splitter_;
  std::string buffer_;
  bool draining_ = false;
};

}  // namespace vm0::supervisor
