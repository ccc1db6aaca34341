// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/poll_pause.h"
#include "cli/run_options.h"
#include "cli/session.h"
#include "cli/transport_choice.h"
#include "client/event_reader.h"

namespace vm0::cli {

// Removes events that the reader has had (number <= cursor) and checks that the rest follows the
// cursor without gap. kSequenceGap otherwise: a fault of the server that must not be shown as if it
// were the whole truth. kInternal for an empty page of a server that says it has more.
Status KeepNewEvents(client::EventPage& page, std::int64_t cursor);

// The events of a run, page by page, each once and in order, across restarts of the server, lost
// connections and changes of the transport. Owns the one thing that must not be lost: the cursor.
// One for each follower; loop thread only. Shows nothing but lost and found servers, and with
// verbose the transport.
class EventStream {
 public:
  EventStream(Session& session, std::string run_id, std::int64_t since, FetchOptions options);

  // The next page as it is now, perhaps empty; at most `limit` events.
  asio::awaitable<Result<client::EventPage>> Read(std::int64_t limit);
  // The next page that has events or says that the run has ended; waits for it. An outage is waited
  // out, however long it takes; all other errors are the caller's.
  asio::awaitable<Result<client::EventPage>> Follow();

  std::int64_t cursor() const { return cursor_; }

 private:
  // Takes what is new of a page.
  Status Take(client::EventPage& page);
  void UseTransport();
  // What follows a page, and a failure.
  void Note(const client::EventPage& page);
  asio::awaitable<void> Overcome(Error error);
  asio::awaitable<void> WaitOut(const Error& error);
  void EndOutage();

  Session& session_;
  std::string run_id_;
  std::int64_t cursor_;
  FetchOptions options_;
  TransportChoice choice_;
  std::unique_ptr<client::EventReader> reader_;
  std::string reason_;  // of the last failure
  PollPause idle_pause_;
  PollPause outage_pause_;
  int failures_ = 0;  // in a row
};

}  // namespace vm0::cli
