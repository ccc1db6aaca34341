// SPDX-License-Identifier: Apache-2.0
#include "client/event_reader.h"

#include <array>
#include <utility>

#include "client/stream_reader.h"

namespace vm0::client {
namespace {

constexpr int kPageLimit = 1000;
constexpr int kWaitSeconds = 30;

constexpr std::array<std::pair<Transport, std::string_view>, 4> kNames = {
    {{Transport::kSse, "sse"},
     {Transport::kWebSocket, "ws"},
     {Transport::kLongPoll, "long-poll"},
     {Transport::kPoll, "poll"}}};

class PollReader final : public EventReader {
 public:
  PollReader(UserClient& api, std::string run_id, int wait_seconds)
      : api_(api), run_id_(std::move(run_id)), wait_seconds_(wait_seconds) {}

  asio::awaitable<Result<EventPage>> Next(std::int64_t cursor) override {
    return api_.GetEvents(run_id_, cursor, kPageLimit, wait_seconds_);
  }

 private:
  UserClient& api_;
  const std::string run_id_;
  const int wait_seconds_;
};

}  // namespace

std::string_view NameOf(Transport transport) {
  for (const auto& [value, name] : kNames)
    if (value == transport) return name;
  return "";
}

std::optional<Transport> FindTransport(std::string_view name) {
  for (const auto& [value, known] : kNames)
    if (known == name) return value;
  return std::nullopt;
}

std::unique_ptr<EventReader> MakeEventReader(Transport transport, UserClient& api, os::Clock& clock,
                                             std::string run_id) {
  switch (transport) {
    case Transport::kSse:
      return std::make_unique<SseReader>(api, clock, std::move(run_id));
    case Transport::kWebSocket:
      return std::make_unique<WebSocketReader>(api, clock, std::move(run_id));
    case Transport::kLongPoll:
      return std::make_unique<PollReader>(api, std::move(run_id), kWaitSeconds);
    case Transport::kPoll:
      return std::make_unique<PollReader>(api, std::move(run_id), 0);
  }
  return nullptr;
}

}  // namespace vm0::client
