// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/spec.h"
#include "base/json.h"
#include "http/server.h"
#include "os/wakeup.h"

namespace vm0::runner {

namespace asio = boost::asio;

// A run as the server of a test keeps it.
struct TestRun {
  agent::RunSpec spec;
  bool pending = true;
  int attempt = 0;
  bool started = false;
  bool cancel_requested = false;
  std::string last_failure = {};
  std::vector<std::string> records;  // of events 1, 2, …
  std::optional<json::object> end;   // the body of complete that ended it
  std::string token() const { return "token-" + std::to_string(attempt); }
};

// The server's side of docs/protocol.md, as far as runners and buriers see it, in memory. Tests
// look at and change the runs between two steps of the loop.
class TestServer {
 public:
  // Listens on <data_dir>/server.sock.
  TestServer(asio::io_context& loop, os::Clock& clock, const std::filesystem::path& data_dir);

  void Listen();
  void StopListening();
  void AddRun(const std::string& id, TestRun run);
  TestRun& run(const std::string& id) { return runs_.at(id); }
  // "claim", "runs", "heartbeat 1", "events 1", "complete 1" …: each with the attempt of its token.
  const std::vector<std::string>& requests() const { return requests_; }
  std::size_t Count(const std::string& request) const;
  // Nothing of it is under way: it may be destroyed.
  bool is_idle() const { return server_.active_exchanges() == 0; }
  // Claims that wait for a run.
  std::size_t waiting_claims() const { return waiting_.size(); }

  // Answers instead of the server where it gives a code.
  std::function<std::optional<Code>(const std::string& request)> refuse;
  // What heartbeats say of what is stored, where it is not the truth (any more).
  std::optional<std::int64_t> heartbeat_says;

 private:
  struct Reply {
    int status = 200;
    json::object body = {};
  };
  asio::awaitable<void> Handle(http::Exchange& exchange);
  asio::awaitable<void> Claim(http::Exchange& exchange);
  static Reply Refusal(Code code);
  Reply Answer(const std::string& what, const http::Request& request);
  Reply Release(const json::object& body);
  Reply Adopt(const json::object& body);
  Reply ListRuns() const;
  Reply Webhook(const std::string& what, const http::Request& request);
  Reply TakeEvents(TestRun& run, const std::string& body);
  Reply TakeEnd(TestRun& run, const json::object& body);
  Reply Claimed(const std::string& id);

  std::string socket_;
  os::Clock& clock_;
  std::map<std::string, TestRun> runs_;
  std::vector<std::string> requests_;
  std::list<os::Wakeup*> waiting_;
  http::Server server_;
};

}  // namespace vm0::runner
