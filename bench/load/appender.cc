// SPDX-License-Identifier: Apache-2.0
#include "appender.h"

#include "postgres.h"
#include "stamp.h"
#include "wire.h"

namespace load {
namespace {

class HttpAppender : public Appender {
 public:
  HttpAppender(const Options& options, std::string target)
      : options_(options), target_(std::move(target)), wire_(options.address) {}

  int fd() const override { return wire_.fd(); }
  void Append() override { wire_.Send(Request()); }
  bool Answered() override {
    wire_.Receive();
    const std::size_t whole = WholeHttpAnswer(wire_.input());
    if (whole == 0) return false;
    CheckHttpAnswer(wire_.input());
    wire_.input().erase(0, whole);
    return true;
  }

 private:
  std::string Request() const {
    if (options_.peer == "get") return "GET " + target_ + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const bool is_vm0 = options_.peer == "vm0";
    const std::string body = Body(is_vm0 ? '\n' : ',');
    std::string request = "POST ";
    request += is_vm0 ? "/api/webhooks/agent/events?runId=" + target_ : "/" + target_;
    request += " HTTP/1.1\r\nHost: localhost\r\n";
    if (is_vm0) request += "Authorization: Bearer " + options_.token + "\r\n";
    request +=
        is_vm0 ? "Content-Type: application/x-ndjson\r\n" : "Content-Type: application/json\r\n";
    return request + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  // Lines for vm0; for the others an object, or an array of them.
  std::string Body(char between) const {
    std::string body;
    for (int i = 0; i < options_.batch; ++i) {
      if (i > 0) body += between;
      body += StampedRecord(options_.bytes);
    }
    return between == ',' && options_.batch > 1 ? "[" + body + "]" : body;
  }

  const Options& options_;
  const std::string target_;
  Wire wire_;
};

class RedisAppender : public Appender {
 public:
  RedisAppender(const Options& options, std::string target)
      : options_(options), target_(std::move(target)), wire_(options.address) {}

  int fd() const override { return wire_.fd(); }
  void Append() override {
    std::string requests;
    for (int i = 0; i < options_.batch; ++i) {
      const std::string record = StampedRecord(options_.bytes);
      requests += "*5\r\n$4\r\nXADD\r\n$" + std::to_string(target_.size()) + "\r\n" + target_ +
                  "\r\n$1\r\n*\r\n$1\r\ne\r\n$" + std::to_string(record.size()) + "\r\n" + record +
                  "\r\n";
    }
    wire_.Send(requests);
  }
  bool Answered() override {
    wire_.Receive();
    std::size_t used = 0;
    while (answers_ < options_.batch) {
      const std::string_view rest = std::string_view(wire_.input()).substr(used);
      const std::size_t whole = WholeRedisAnswer(rest);
      if (whole == 0) break;
      CheckRedisAnswer(rest);
      used += whole;
      ++answers_;
    }
    wire_.input().erase(0, used);
    if (answers_ < options_.batch) return false;
    answers_ = 0;
    return true;
  }

 private:
  const Options& options_;
  const std::string target_;
  Wire wire_;
  int answers_ = 0;
};

}  // namespace

std::unique_ptr<Appender> MakeAppender(const Options& options, int number) {
  if (options.targets.empty()) Fail("--targets is missing");
  const std::string target = options.targets[number % options.targets.size()];
  if (options.peer == "redis") return std::make_unique<RedisAppender>(options, target);
  if (options.peer.starts_with("postgres")) return MakePostgresAppender(options, target);
  return std::make_unique<HttpAppender>(options, target);
}

}  // namespace load
