// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "base/json.h"
#include "http/client.h"
#include "http/server.h"
#include "store/test_store.h"

// For the tests of this folder: the real parts from the socket to SQLite, with a clock that stands
// still.
namespace vm0::api {

struct Reply {
  int status = 0;
  http::Headers headers;
  std::string body;

  json::object object() const;
  std::string text(std::string_view field) const;  // a string member; "" if there is none
  std::string message() const;                     // of an error
  std::string code() const;
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct StackOptions {
  Unsandboxed unsandboxed = Unsandboxed::kAllowed;
  bool can_hand_over = true;
  run::QueueLimits limits = {};
};

// What readers were given.
struct Deliveries final : Observer {
  void OnDelivered(ReadWay way, std::span<const WallTime> read_at) override {
    for (const WallTime time : read_at) all.emplace_back(way, time);
  }
  std::vector<std::pair<ReadWay, WallTime>> all;
};

// Good for its metrics alone.
inline constexpr std::string_view kMetricsToken = "vm0_metrics_x";

class Stack {
 public:
  explicit Stack(StackOptions options = {});
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // One request, answered. `token` empty: no Authorization.
  Reply Send(const std::string& method, const std::string& target, const std::string& body,
             const std::string& token, const HeaderList& headers = {});
  Reply Get(const std::string& target, const std::string& token);
  Reply Post(const std::string& target, const std::string& body, const std::string& token);

  // A request whose answer is not there yet.
  class Pending {
   public:
    bool done() const { return reply_.has_value(); }
    const Reply& reply() const { return *reply_; }

   private:
    friend class Stack;
    std::unique_ptr<http::Client> client_;
    std::optional<Reply> reply_;
  };
  std::shared_ptr<Pending> Start(const std::string& method, const std::string& target,
                                 const std::string& body, const std::string& token,
                                 const HeaderList& headers = {});
  Reply Finish(const std::shared_ptr<Pending>& pending);
  // Closes its connection before the answer.
  void Abort(const std::shared_ptr<Pending>& pending);

  // Bytes on a connection of their own, all that comes back.
  std::string SendRaw(const std::string& bytes);

  // Runs the loop until it is true; the test fails after half a minute of real time.
  void RunUntil(const std::function<bool()>& condition);
  void Advance(Micros delay);

  std::string NewToken(const std::string& user, store::Token::Kind kind, bool host_scope = false,
                       std::optional<WallTime> expires_at = std::nullopt);

  // A run of the user `alice` that waits for its runner; the end of it is up to the caller.
  std::string CreateRun();
  std::string CreateExternalRun();
  struct ClaimedRun {
    std::string id;
    std::string token;
    int attempt = 0;
  };
  // Creates a run, claims it as machine "m", and starts it if wanted.
  ClaimedRun Claim();
  ClaimedRun ClaimAndStart();
  // Gives a run back that has not started, and claims it again.
  ClaimedRun ClaimAgain(const ClaimedRun& run);
  // Records `first` to `last`, each {"type":"text","n":<number>}.
  static std::string Records(std::int64_t first, std::int64_t last);
  Reply PostRecords(const std::string& records, const std::string& token);
  Reply Complete(const ClaimedRun& run, std::int64_t last_sequence);

  store::TempDir dir;
  asio::io_context loop;
  os::FakeClock clock;
  std::unique_ptr<store::Database> database;
  std::optional<store::SecretBox> box;
  std::unique_ptr<feed::Feed> feed;
  std::unique_ptr<run::Runs> runs;
  Deliveries deliveries;
  std::unique_ptr<Api> api;
  std::unique_ptr<http::Server> server;
  std::string port;
  int handovers = 0;

  std::string admin;  // the token of the admin, user "admin"
  std::string alice;  // of a user with host scope
  std::string bob;    // of a user without
};

// The body of a run of a command that needs nothing: config "tester", sandbox none.
inline constexpr std::string_view kTesterConfig =
    R"({"config":{"version":"1.0","agent":{"name":"tester","provider":"command",)"
    R"("command":["./agent.sh"]}}})";
inline constexpr std::string_view kTesterRun =
    R"({"agent":"tester","prompt":"do it","sandbox":"none"})";

// The webhooks of supervisors and outsiders.
inline const std::string kHook = "/api/webhooks/agent/";
// The page of a run's first events, as alice gets it.
inline std::string RowsOf(Stack& stack, const std::string& id) {
  return stack.Get("/api/agent/runs/" + id + "/events", stack.alice).body;
}
// The number that an error carries; -1 if there is none.
inline std::int64_t ErrorNumber(const Reply& reply) {
  const json::object body = reply.object();
  const json::value* number = Member(*ObjectMember(body, "error"), "number");
  return number == nullptr ? -1 : number->as_int64();
}

inline void PrintTo(const Reply& reply, std::ostream* out) {
  *out << reply.status << " " << reply.body;
}

MATCHER_P2(IsError, status, code, "") { return arg.status == status && arg.code() == code; }

}  // namespace vm0::api
