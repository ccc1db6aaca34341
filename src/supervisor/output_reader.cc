// SPDX-License-Identifier: Apache-2.0
#include "supervisor/output_reader.h"

#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

#include "os/fault.h"

namespace vm0::supervisor {
namespace {

constexpr std::size_t kReadSize = 64 << 10;  // a pipe's capacity

}  // namespace

OutputReader::OutputReader(asio::any_io_executor executor, os::Fd& pipe, Stream stream, Parts parts)
    : pipe_(executor, pipe.Release()),
      stream_(stream),
      parts_(parts),
      splitter_(parts_.transcript.MakeSplitter()),
      buffer_(kReadSize, '\0') {}

void OutputReader::Drain() {
  draining_ = true;
  pipe_.cancel();
}

asio::awaitable<void> OutputReader::Run() {
  const auto take = [this](const Line& line) { parts_.transcript.Take(stream_, line); };
  for (;;) {
    co_await parts_.journal.Ready();
    const std::size_t size = co_await ReadSome();
    if (size == 0) break;
    (void)os::FaultFails("supervisor.read");
    splitter_.Feed(std::string_view(buffer_).substr(0, size), take);
    (void)os::FaultFails("supervisor.masked");
    parts_.journal.Flush();
    parts_.heard();
  }
  bool has_rest = false;
  splitter_.Finish([&](const Line& line) {
    has_rest = true;
    take(line);
  });
  parts_.journal.Flush();
  if (has_rest) parts_.heard();
}

// 0 at the end.
asio::awaitable<std::size_t> OutputReader::ReadSome() {
  if (!draining_) {
    boost::system::error_code error;
    const std::size_t size = co_await pipe_.async_read_some(
        asio::buffer(buffer_), asio::redirect_error(asio::use_awaitable, error));
    if (error != asio::error::operation_aborted) co_return error ? 0 : size;
  }
  co_return ReadNow();
}

std::size_t OutputReader::ReadNow() {
  for (;;) {
    const ssize_t size = ::read(pipe_.native_handle(), buffer_.data(), buffer_.size());
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno != EINTR) return 0;
  }
}

}  // namespace vm0::supervisor
