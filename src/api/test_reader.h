// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <string>
#include <vector>

#include "api/test_stack.h"

namespace vm0::api {

// A reader of a stream of server-sent events.
class SseReader {
 public:
  SseReader(Stack& stack, const std::string& target, const HeaderList& headers = {})
      : stack_(stack),
        client_(stack.loop, stack.clock, *http::Endpoint::Parse("http://127.0.0.1:" + stack.port)) {
    http::Request request{.method = "GET", .target = target, .headers = {}, .body = ""};
    request.headers.Set("Authorization", "Bearer " + stack.alice);
    request.headers.Set("Accept", "text/html, text/event-stream;q=0.9");
    for (const auto& [name, value] : headers) request.headers.Set(name, value);
    auto work = Read(std::move(request));
    asio::co_spawn(stack.loop, std::move(work), asio::detached);
    stack.RunUntil([this] { return status != 0; });
  }
  ~SseReader() {
    if (stream_) stream_->Close();
    stack_.RunUntil([this] { return ended; });
  }

  // The next event as "name id data", without what stands for "message"; "(end)" at the end.
  std::string Next() {
    stack_.RunUntil([this] { return ended || !events_.empty(); });
    if (events_.empty()) return "(end)";
    const http::SseEvent event = events_.front();
    events_.erase(events_.begin());
    return event.event + (event.id.empty() ? "" : "#" + event.id) + " " + event.data;
  }
  // The numbers of all events up to the stream's end.
  std::vector<std::string> Rest() {
    stack_.RunUntil([this] { return ended; });
    std::vector<std::string> ids;
    for (const auto& event : events_) ids.push_back(event.id.empty() ? event.event : event.id);
    events_.clear();
    return ids;
  }

  int status = 0;
  http::Response head;
  std::string text;
  bool ended = false;

 private:
  asio::awaitable<void> Read(http::Request request) {
    auto opened = co_await client_.OpenStream(std::move(request), Seconds(30));
    if (opened) head = (*opened)->head();
    status = opened ? head.status : -1;
    if (opened) stream_ = std::move(*opened);
    while (stream_) {
      auto bytes = co_await stream_->Read();
      if (!bytes || bytes->empty()) break;
      text += *bytes;
      const auto events = parser_.Feed(*bytes);
      EXPECT_TRUE(events);
      events_.insert(events_.end(), events->begin(), events->end());
    }
    ended = true;
  }

  Stack& stack_;
  http::Client client_;
  std::unique_ptr<http::ResponseStream> stream_;
  http::SseParser parser_;
  std::vector<http::SseEvent> events_;
};

}  // namespace vm0::api
