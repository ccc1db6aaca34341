// SPDX-License-Identifier: Apache-2.0
#include "runner/test_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "event/record.h"

namespace vm0::runner {
namespace {

http::Response ErrorResponse(const Error& error) {
  return {.status = InfoOf(error.code).http_status, .headers = {}, .body = "{}"};
}

std::string TokenOf(const http::Request& request) {
  const auto field = request.headers.Find("Authorization").value_or("");
  return std::string(field.substr(std::min<std::size_t>(field.size(), 7)));  // "Bearer "
}

json::object ErrorBody(std::string_view code, std::int64_t number = 0) {
  return {{"error", {{"message", "no"}, {"code", code}, {"number", number}}}};
}

// Leaves the list with its scope.
class Waiter {
 public:
  explicit Waiter(std::list<os::Wakeup*>& list) : list_(list) { list_.push_back(&wakeup); }
  ~Waiter() { list_.remove(&wakeup); }
  os::Wakeup wakeup;

 private:
  std::list<os::Wakeup*>& list_;
};

}  // namespace

TestServer::TestServer(asio::io_context& loop, os::Clock& clock,
                       const std::filesystem::path& data_dir)
    : socket_((data_dir / "server.sock").string()),
      clock_(clock),
      server_(
          loop, clock, http::ServerLimits{},
          [this](http::Exchange& exchange) { return Handle(exchange); }, ErrorResponse) {
  Listen();
}

void TestServer::Listen() {
  const auto listening = server_.ListenUnix(socket_);
  ASSERT_TRUE(listening) << listening.error().message;
}

void TestServer::StopListening() {
  server_.StopListening();
  server_.CloseConnections();
}

void TestServer::AddRun(const std::string& id, TestRun run) {
  runs_.emplace(id, std::move(run));
  for (os::Wakeup* claim : waiting_) claim->Wake();
}

std::size_t TestServer::Count(const std::string& request) const {
  return static_cast<std::size_t>(std::ranges::count(requests_, request));
}

asio::awaitable<void> TestServer::Handle(http::Exchange& exchange) {
  const auto target = http::ParseTarget(exchange.request().target);
  std::string what = target->segments.back();
  const bool is_webhook = target->segments[1] == "webhooks";
  const std::string token = TokenOf(exchange.request());
  requests_.push_back(is_webhook ? what + " " + token.substr(token.find('-') + 1) : what);
  const auto refused = refuse ? refuse(requests_.back()) : std::nullopt;
  if (!refused && what == "claim") {
    co_await Claim(exchange);
    co_return;
  }
  const Reply reply = refused ? Refusal(*refused) : Answer(what, exchange.request());
  http::Response response{.status = reply.status, .headers = {}, .body = ToJson(reply.body)};
  co_await exchange.Send(std::move(response));
}

asio::awaitable<void> TestServer::Claim(http::Exchange& exchange) {
  const MonoTime deadline = clock_.Now() + Seconds(30);
  Waiter waiter(waiting_);
  exchange.OnPeerClosed([&waiter] { waiter.wakeup.Wake(); });
  http::Response response{.status = 204, .headers = {}, .body = ""};
  while (!exchange.peer_closed() && clock_.Now() < deadline) {
    const auto next =
        std::ranges::find_if(runs_, [](const auto& run) { return run.second.pending; });
    if (next != runs_.end()) {
      next->second.pending = false;
      response = {.status = 200, .headers = {}, .body = ToJson(Claimed(next->first).body)};
      break;
    }
    co_await waiter.wakeup.Wait(clock_, deadline);
  }
  co_await exchange.Send(std::move(response));
}

TestServer::Reply TestServer::Refusal(Code code) {
  return {InfoOf(code).http_status, ErrorBody(InfoOf(code).name)};
}

TestServer::Reply TestServer::Claimed(const std::string& id) {
  TestRun& run = runs_.at(id);
  ++run.attempt;
  return {.status = 200,
          .body = {{"v", 1},
                   {"runId", id},
                   {"attempt", run.attempt},
                   {"token", run.token()},
                   {"spec", agent::ToJson(run.spec)}}};
}

TestServer::Reply TestServer::Answer(const std::string& what, const http::Request& request) {
  if (what == "runs") return ListRuns();
  if (what == "adopt") return Adopt(*ParseJsonObject(request.body, "body"));
  if (what != "release") return Webhook(what, request);
  return Release(*ParseJsonObject(request.body, "body"));
}

TestServer::Reply TestServer::ListRuns() const {
  json::array list;
  for (const auto& [id, run] : runs_) {
    if (run.pending || run.end) continue;
    list.push_back({{"id", id},
                    {"attempt", run.attempt},
                    {"started", run.started},
                    {"cancelRequested", run.cancel_requested}});
  }
  return {.status = 200, .body = {{"runs", list}}};
}

TestServer::Reply TestServer::Release(const json::object& body) {
  TestRun& run = runs_.at(std::string(*StringMember(body, "runId")));
  if (run.end) return {410, ErrorBody("RUN_ENDED")};
  if (run.attempt != **IntField(body, "attempt")) return {410, ErrorBody("SUPERSEDED")};
  if (run.started) return {409, ErrorBody("CONFLICT")};
  run.last_failure = *StringMember(body, "reason");
  run.pending = run.attempt < 3;
  if (!run.pending) run.end = json::object{{"reason", run.last_failure}};
  for (os::Wakeup* claim : waiting_) claim->Wake();
  return {200, {{"ok", true}}};
}

TestServer::Reply TestServer::Adopt(const json::object& body) {
  const auto found = runs_.find(std::string(*StringMember(body, "runId")));
  if (found == runs_.end()) return {404, ErrorBody("NOT_FOUND")};
  TestRun& run = found->second;
  const auto attempt = static_cast<int>(**IntField(body, "attempt"));
  if (run.end) return {410, ErrorBody("RUN_ENDED")};
  if (attempt < run.attempt) return {410, ErrorBody("SUPERSEDED")};
  run.pending = false;
  run.attempt = attempt;
  run.started = run.started || **BoolField(body, "started");
  return {200, {{"token", run.token()}}};
}

// A token is good for the run whose attempt it names: tests with several use different attempts.
TestServer::Reply TestServer::Webhook(const std::string& what, const http::Request& request) {
  const std::string token = TokenOf(request);
  const auto found =
      std::ranges::find_if(runs_, [&](const auto& run) { return run.second.token() == token; });
  if (found == runs_.end()) return {410, ErrorBody("SUPERSEDED")};
  TestRun& run = found->second;
  if (what == "events") return TakeEvents(run, request.body);
  const auto body = ParseJsonObject(request.body, "body");
  if (what == "complete") return TakeEnd(run, *body);
  if (run.end) return {410, ErrorBody("RUN_ENDED")};
  const auto stored = static_cast<std::int64_t>(run.records.size());
  return {200,
          {{"ok", true},
           {"lastSequence", heartbeat_says.value_or(stored)},
           {"cancel", run.cancel_requested}}};
}

TestServer::Reply TestServer::TakeEvents(TestRun& run, const std::string& body) {
  const auto records = event::ParseRecords(body);
  if (!records) return {400, ErrorBody("BAD_REQUEST")};
  for (const auto& record : *records) {
    const auto stored = static_cast<std::int64_t>(run.records.size());
    if (record.sequence > stored + 1) return {409, ErrorBody("SEQUENCE_GAP", stored + 1)};
    if (record.sequence == stored + 1) {
      if (run.end) return {410, ErrorBody("RUN_ENDED")};
      run.records.emplace_back(record.line);
    } else if (run.records[static_cast<std::size_t>(record.sequence) - 1] != record.line) {
      return {409, ErrorBody("EVENT_MISMATCH")};
    }
  }
  return {200, {{"lastSequence", run.records.size()}}};
}

TestServer::Reply TestServer::TakeEnd(TestRun& run, const json::object& body) {
  if (run.end) return *run.end == body ? Reply{} : Reply{409, ErrorBody("CONFLICT")};
  const auto stored = static_cast<std::int64_t>(run.records.size());
  if (**IntField(body, "lastSequence") != stored) {
    return {409, ErrorBody("SEQUENCE_GAP", stored + 1)};
  }
  run.end = body;
  return {200, {{"ok", true}}};
}

}  // namespace vm0::runner
