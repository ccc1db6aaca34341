// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/event_page.h"
#include "client/user_client.h"
#include "os/clock.h"

namespace vm0::client {

// The ways in which events come.
enum class Transport { kSse, kWebSocket, kLongPoll, kPoll };
std::string_view NameOf(Transport transport);  // "sse", "ws", "long-poll", "poll"
std::optional<Transport> FindTransport(std::string_view name);

// What comes after a cursor, by one transport. Streams are opened when they are needed, and again
// after they broke. Loop thread only.
class EventReader {
 public:
  virtual ~EventReader() = default;
  // The next page after `cursor`, which must be the one of the page before: with events, or the
  // run's status, or its end; empty when nothing came in the time that a poll waits. A page of a
  // stream has all that came at once, and never has_more. kDeadline when the server falls silent,
  // kUnreachable when the stream breaks; errors of the server.
  virtual asio::awaitable<Result<EventPage>> Next(std::int64_t cursor) = 0;
};

// `api` and `clock` outlive the reader.
std::unique_ptr<EventReader> MakeEventReader(Transport transport, UserClient& api, os::Clock& clock,
                                             std::string run_id);

}  // namespace vm0::client
