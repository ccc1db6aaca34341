// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::egress {

namespace asio = boost::asio;

// A connection that an agent has made to its proxy. One read and one write at a time. Errors are
// kUnreachable.
class AgentSocket {
 public:
  // Takes a non-blocking socket over.
  AgentSocket(asio::io_context& loop, os::Fd socket);

  // What has come and was not taken yet.
  std::string& input() { return input_; }
  // Some more bytes, behind input(); 0 at the end.
  asio::awaitable<Result<std::size_t>> Read();
  // All of both.
  asio::awaitable<Status> Write(std::string_view first, std::string_view second = {});
  // Until there is something to read, or the agent has gone: true then. False, too, when reading is
  // cancelled.
  asio::awaitable<bool> AwaitGone();
  void CancelReading();
  // The agent reads the end.
  void EndWriting();
  void Close();

 private:
  asio::ip::tcp::socket socket_;
  std::string input_;
};

}  // namespace vm0::egress
