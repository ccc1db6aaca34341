// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "client/event_reader.h"

namespace vm0::client {

// A page that is put together from what a stream says: events, and what is known of the run.
class StreamedPage {
 public:
  // Byte for byte the envelope of an event.
  Status AddEvent(std::string_view envelope);
  Status SetStatus(std::string_view json);
  Status SetEnd(std::string_view json);
  // The error that the stream ends with.
  static Error ErrorIn(std::string_view json);
  // What came since the last time, if anything did; kept is what is known of the run.
  bool has_news() const { return has_news_; }
  EventPage Take(std::int64_t cursor);

 private:
  EventPage page_;
  bool has_news_ = false;
};

// Reads a run's events from a stream of the server, which it opens at the cursor whenever it has
// none. A stream that breaks, or is silent for too long, is an error of Next(), and the next one
// opens another: who falls back, and when, is the caller's business. One thread; used by one reader
// of events, which owns it.
class StreamReader : public EventReader {
 public:
  asio::awaitable<Result<EventPage>> Next(std::int64_t cursor) final;

 protected:
  StreamReader(UserClient& api, os::Clock& clock, std::string run_id);
  // Opens the stream if need be, and adds its next piece to the page.
  virtual asio::awaitable<Status> Read(std::int64_t cursor) = 0;
  virtual void Drop() = 0;  // the stream

  UserClient& api_;
  os::Clock& clock_;
  const std::string run_id_;
  StreamedPage page_;
};

// By server-sent events.
class SseReader final : public StreamReader {
 public:
  SseReader(UserClient& api, os::Clock& clock, std::string run_id);

 private:
  asio::awaitable<Status> Read(std::int64_t cursor) override;
  void Drop() override { stream_.reset(); }
  Status Take(const http::SseEvent& event);

  std::unique_ptr<http::ResponseStream> stream_;
  http::SseParser parser_;
};

// By WebSocket.
class WebSocketReader final : public StreamReader {
 public:
  WebSocketReader(UserClient& api, os::Clock& clock, std::string run_id);

 private:
  asio::awaitable<Status> Read(std::int64_t cursor) override;
  void Drop() override { stream_.reset(); }
  Status Take(std::string_view message);

  std::unique_ptr<http::WebSocketStream> stream_;
};

}  // namespace vm0::client
