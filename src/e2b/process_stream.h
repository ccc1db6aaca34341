// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <variant>

#include "base/result.h"
#include "e2b/envelope.h"
#include "http/client.h"
#include "os/clock.h"

namespace vm0::e2b {

namespace asio = boost::asio;

// What a stream of a process tells; source: E2B's spec/envd/process/process.proto.
struct Started {
  std::int64_t pid = 0;
};
struct Output {
  enum class Pipe { kStdout, kStderr };
  Pipe pipe = Pipe::kStdout;
  std::string bytes;
};
struct Ended {
  int exit_code = 0;
  std::string status;  // "exit status 1", "signal: killed"
};
using ProcessEvent = std::variant<Started, Output, Ended>;

// Of one message of the stream; nullopt for a sign of life. kUnreachable for what is none.
Result<std::optional<ProcessEvent>> ParseProcessEvent(std::string_view message);
// The error that the last message of a stream or the body of a refused call tells, if it does.
std::optional<Error> FindConnectError(std::string_view message);

// A process in a sandbox, as long as the connection lasts; the process does not end with it. Its
// output is lost while nobody is connected. Loop thread only.
class ProcessStream {
 public:
  ProcessStream(os::Clock& clock, std::unique_ptr<http::ResponseStream> body)
      : clock_(clock), body_(std::move(body)) {}

  // The next event. kUnreachable when the stream broke off or went silent; kNotFound for a process
  // that is not there, and the other errors that envd sends (e2b/answer.h).
  asio::awaitable<Result<ProcessEvent>> Next();
  // Unblocks Next, which then fails.
  void Close() { body_->Close(); }

 private:
  asio::awaitable<Status> Receive();
  Status TakeMessage(const Envelope& envelope);

  os::Clock& clock_;
  std::unique_ptr<http::ResponseStream> body_;
  EnvelopeParser parser_;
  std::deque<ProcessEvent> events_;
};

}  // namespace vm0::e2b
