// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "e2b/account.h"
#include "e2b/control_plane.h"
#include "e2b/process_stream.h"
#include "http/client.h"
#include "os/clock.h"

namespace vm0::e2b {

// How often a quiet stream of a process shall give a sign of life.
inline constexpr Seconds kPingInterval{30};

// A program to start. It gets a standard input that stays open.
struct Program {
  std::string command;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;  // on top of the sandbox's own
  std::string tag;                                 // finds it again
};

struct RunningProcess {
  std::int64_t pid = 0;
  std::string tag;  // perhaps empty
};

enum class ProcessSignal { kTerminate, kKill };

// The daemon inside of a sandbox: its files and processes. Acts there as root. One call, one
// request, no retries. Sources: E2B's spec/envd/envd.yaml and process.proto, Connect's protocol
// with JSON. Loop thread only. Errors as of ControlPlane; kNotFound is the file or the process, and
// kUnavailable what E2B's edge says of a sandbox that it does not know (yet, or any more: ask the
// control plane).
class Envd {
 public:
  // kBadRequest when its domain makes no host name.
  static Result<Envd> Make(asio::io_context& loop, os::Clock& clock, const Account& account,
                           const Sandbox& sandbox);

  // Writes a file, folders above it included; 0644 for new ones.
  asio::awaitable<Status> Write(std::string path, std::string bytes);
  // The same with the first `size` bytes of an open file; blocks to read.
  asio::awaitable<Status> Upload(std::string path, int file, std::size_t size);
  // The whole of a small file; kPayloadTooLarge above `limit` bytes.
  asio::awaitable<Result<std::string>> Read(std::string path, std::size_t limit);
  // Into an open, empty file; blocks to write. The number of bytes.
  asio::awaitable<Result<std::int64_t>> Download(std::string path, int file, std::int64_t limit);

  asio::awaitable<Result<std::unique_ptr<ProcessStream>>> Start(Program program);
  // To one that runs.
  asio::awaitable<Result<std::unique_ptr<ProcessStream>>> Connect(std::string tag);
  asio::awaitable<Result<std::vector<RunningProcess>>> List();
  asio::awaitable<Status> SendInput(std::string tag, std::string bytes);
  asio::awaitable<Status> Signal(std::string tag, ProcessSignal signal);
  // Ends what is under way (kUnreachable), but for streams of processes.
  void Close();

 private:
  Envd(os::Clock& clock, std::unique_ptr<http::Client> http, const Sandbox& sandbox);
  http::Request MakeRequest(std::string method, std::string target) const;
  http::Request MakeCall(std::string_view procedure, const json::object& message) const;
  asio::awaitable<Result<http::Response>> Call(std::string_view procedure, json::object message);
  asio::awaitable<Result<std::unique_ptr<ProcessStream>>> Open(std::string_view procedure,
                                                               json::object message);
  asio::awaitable<Result<std::unique_ptr<http::ResponseStream>>> OpenFile(std::string path);
  asio::awaitable<Result<std::string>> ReadPiece(http::ResponseStream& stream);

  os::Clock& clock_;
  std::set<http::ResponseStream*> files_;  // that ReadPiece waits for
  std::unique_ptr<http::Client> http_;
  std::string sandbox_id_;
  std::string access_token_;
};

}  // namespace vm0::e2b
