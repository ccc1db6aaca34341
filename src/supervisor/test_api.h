// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "event/record.h"
#include "http/server.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// The server's side of docs/protocol.md for one started run, in memory, as a supervisor sees it.
class TestApi {
 public:
  TestApi(asio::io_context& loop, os::Clock& clock, std::string socket)
      : clock_(clock), loop_(loop), socket_(std::move(socket)) {}

  void Listen() {
    server_ = std::make_unique<http::Server>(
        loop_, clock_, http::ServerLimits{},
        [this](http::Exchange& exchange) { return Handle(exchange); },
        [](const Error& error) { return Refusal(InfoOf(error.code).http_status, "", 0); });
    const auto status = server_->ListenUnix(socket_);
    if (!status) std::abort();
  }
  // As if it had died.
  void Close() {
    if (!server_) return;
    server_->StopListening();
    server_->CloseConnections();
    control_open = 0;
    closed_.push_back(std::move(server_));
  }

  void SendControl(std::string event) {
    control_events_.push_back(std::move(event));
    for (http::StreamWaker* waker : control_wakers_) waker->Wake();
  }

  static http::Response Refusal(int status, std::string_view code, std::int64_t number) {
    json::object error{{"message", "refused by the test"}, {"code", code}};
    if (number > 0) error["number"] = number;
    return Answer(status, {{"error", error}});
  }
  static http::Response Answer(int status, json::object body) {
    http::Response response;
    response.status = status;
    response.headers.Set("Content-Type", "application/json");
    response.body = ToJson(json::value(std::move(body)));
    return response;
  }
  // As if these records had been posted before.
  void Put(const std::string& bytes) {
    const auto views = event::ParseRecords(bytes);
    for (const auto& view : *views) records.emplace_back(view.line);
  }
  std::size_t Count(const std::string& request) const {
    return static_cast<std::size_t>(std::count(requests.begin(), requests.end(), request));
  }

  // Each stored event's JSON, with its source before it: "agent {...}".
  std::vector<std::string> events() const {
    std::vector<std::string> list;
    for (const auto& record : records) {
      const auto view = **event::ParseRecord(record);
      list.push_back(std::string(NameOf(view.source)) + " " + std::string(view.json));
    }
    return list;
  }

  std::map<std::string, std::string> secrets;
  std::vector<std::string> requests;  // "start", "events 1-3", "heartbeat", "control", "complete"
  std::string token;                  // "Bearer …" of the last request
  std::vector<std::string> records;
  std::optional<json::object> end;
  bool cancel_in_heartbeat = false;
  int control_open = 0;
  // Answers instead of the server where it gives something.
  std::function<std::optional<http::Response>(const std::string& request)> intercept;

 private:
  asio::awaitable<void> Handle(http::Exchange& exchange) {
    const http::Request request = exchange.request();
    std::string name = request.target.substr(request.target.rfind('/') + 1);
    const auto views = event::ParseRecords(request.body);
    if (name == "events" && views && !views->empty()) {
      name += " " + std::to_string(views->front().sequence) + "-" +
              std::to_string(views->back().sequence);
    }
    requests.push_back(name);
    token = request.headers.Find("Authorization").value_or("");
    std::optional<http::Response> instead;
    if (intercept) instead = intercept(name);
    if (!instead && name == "control") co_return Control(exchange);
    http::Response response = instead ? std::move(*instead) : Respond(name, request.body);
    co_await exchange.Send(std::move(response));
  }

  http::Response Respond(const std::string& name, const std::string& body) {
    if (name == "start") {
      if (end) return Refusal(410, "RUN_ENDED", 0);
      json::object values;
      for (const auto& [key, value] : secrets) values[key] = value;
      return Answer(200, {{"ok", true}, {"secrets", values}});
    }
    if (name == "heartbeat") {
      return Answer(200, {{"ok", true}, {"lastSequence", last()}, {"cancel", cancel_in_heartbeat}});
    }
    if (name == "complete") return Complete(body);
    if (name.starts_with("events ")) return Store(body);
    return Refusal(400, "BAD_REQUEST", 0);
  }

  http::Response Store(const std::string& body) {
    const auto views = event::ParseRecords(body);
    for (const auto& view : *views) {
      if (view.sequence > last() + 1) return Refusal(409, "SEQUENCE_GAP", last() + 1);
      if (view.sequence == last() + 1) {
        records.emplace_back(view.line);
      } else if (records[static_cast<std::size_t>(view.sequence) - 1] != view.line) {
        return Refusal(409, "EVENT_MISMATCH", 0);
      }
    }
    return Answer(200, {{"lastSequence", last()}});
  }

  http::Response Complete(const std::string& body) {
    const auto message = ParseJsonObject(body, "complete");
    if (end) return *end == *message ? Answer(200, {{"ok", true}}) : Refusal(409, "CONFLICT", 0);
    const auto wanted = message->at("lastSequence").as_int64();
    if (wanted != last()) return Refusal(409, "SEQUENCE_GAP", last() + 1);
    end = *message;
    return Answer(200, {{"ok", true}, {"status", message->at("status")}});
  }

  // The control stream: what was said so far, and what will be.
  class ControlSource final : public http::StreamSource {
   public:
    explicit ControlSource(TestApi& api) : api_(api) { ++api_.control_open; }
    ~ControlSource() override { api_.control_wakers_.erase(waker_); }
    void Begin(http::StreamWaker& waker) override {
      waker_ = &waker;
      api_.control_wakers_.insert(waker_);
    }
    http::StreamPiece Next() override {
      if (sent_ == api_.control_events_.size()) return {};
      std::string frame = "event: " + api_.control_events_[sent_++] + "\ndata: {}\n\n";
      return {std::make_shared<const std::string>(std::move(frame)), 0, false};
    }
    bool TakeBack(std::size_t) override { return false; }
    http::StreamPiece OnSilence() override { return {}; }

   private:
    TestApi& api_;
    http::StreamWaker* waker_ = nullptr;
    std::size_t sent_ = 0;
  };

  void Control(http::Exchange& exchange) {
    http::Response head;
    head.headers.Set("Content-Type", "text/event-stream");
    exchange.Stream(std::move(head), std::make_unique<ControlSource>(*this));
  }

  std::int64_t last() const { return static_cast<std::int64_t>(records.size()); }

  os::Clock& clock_;
  asio::io_context& loop_;
  std::string socket_;
  std::vector<std::string> control_events_;
  std::set<http::StreamWaker*> control_wakers_;
  std::unique_ptr<http::Server> server_;
  std::vector<std::unique_ptr<http::Server>> closed_;
};

}  // namespace vm0::supervisor
