// SPDX-License-Identifier: Apache-2.0
#include "reader.h"

namespace load {
namespace {

class SseReader : public Reader {
 public:
  using Reader::Reader;

  void Begin() override {
    const bool is_vm0 = options_.peer == "vm0";
    std::string request = "GET /";
    request += is_vm0 ? "api/agent/runs/" + target_ + "/events?view=raw&since=0" : target_;
    request += " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n";
    if (is_vm0) request += "Authorization: Bearer " + options_.token + "\r\n";
    wire_.Send(request + "\r\n");
  }
  void OnReadable(const Found& found) override {
    wire_.Receive();
    finder_.Feed(wire_.input(), found);
    wire_.input().clear();
  }
};

class RedisReader : public Reader {
 public:
  using Reader::Reader;

  void Begin() override {
    const std::string request =
        "*6\r\n$5\r\nXREAD\r\n$5\r\nBLOCK\r\n$1\r\n0\r\n$7\r\nSTREAMS\r\n$" +
        std::to_string(target_.size()) + "\r\n" + target_ + "\r\n$" +
        std::to_string(last_id_.size()) + "\r\n" + last_id_ + "\r\n";
    wire_.Send(request);
  }
  void OnReadable(const Found& found) override {
    wire_.Receive();
    const std::string_view input = wire_.input();
    if (WholeRedisAnswer(input) == 0) return;
    CheckRedisAnswer(input);
    finder_.Feed(input, found);
    // An entry is its id, then its fields, of which there is one: e.
    const std::size_t fields = input.rfind("\r\n*2\r\n$1\r\ne\r\n");
    if (fields == input.npos) Fail("redis: no id in an answer");
    const std::size_t id = input.rfind('\n', fields - 1) + 1;
    last_id_ = input.substr(id, fields - id);
    wire_.input().clear();
    Begin();
  }

 private:
  std::string last_id_ = "$";
};

class PollReader : public Reader {
 public:
  using Reader::Reader;

  void Begin() override {
    wake_at_ = INT64_MAX;
    wire_.Send("GET /" + target_ + "?since=" + std::to_string(since_) +
               " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  void OnReadable(const Found& found) override {
    wire_.Receive();
    if (WholeHttpAnswer(wire_.input()) == 0) return;
    CheckHttpAnswer(wire_.input());
    finder_.Feed(wire_.input(), [&](std::int64_t stamp) {
      ++since_;
      found(stamp);
    });
    wire_.input().clear();
    wake_at_ = Now() + 500'000'000;
  }
  std::int64_t wake_at() const override { return wake_at_; }
  void OnTime() override { Begin(); }

 private:
  std::int64_t since_ = 0;
  std::int64_t wake_at_ = INT64_MAX;
};

}  // namespace

std::unique_ptr<Reader> MakeReader(const Options& options, const std::string& target) {
  if (options.peer == "redis") return std::make_unique<RedisReader>(options, target);
  if (options.peer == "poll") return std::make_unique<PollReader>(options, target);
  return std::make_unique<SseReader>(options, target);
}

}  // namespace load
