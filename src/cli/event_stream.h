// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "cli/poll_pause.h"
#include "cli/run_options.h"
#include "cli/session.h"
#include "client/user_client.h"

namespace vm0::cli {

// Removes events that the reader has had (number <= cursor) and checks that the rest follows the
// cursor without gap. kSequenceGap otherwise: a fault of the server that must not be shown as if it
// were the whole truth. kInternal for an empty page of a server that says it has more.
Status KeepNewEvents(client::EventPage& page, std::int64_t cursor);

// The events of a run, page by page, each once and in order, across restarts of the server and lost
// connections. Owns the one thing that must not be lost: the cursor.
class EventStream {
 public:
  EventStream(Session& session, std::string run_id, std::int64_t since, PollOptions options);

  // The next page as it is now, perhaps empty; at most `limit` events.
  asio::awaitable<Result<client::EventPage>> Read(std::int64_t limit);
  // The next page that has events or says that the run has ended; waits for it. An outage is waited
  // out, however long it takes; all other errors are the caller's.
  asio::awaitable<Result<client::EventPage>> Follow();

  std::int64_t cursor() const { return cursor_; }

 private:
  asio::awaitable<Result<client::EventPage>> Fetch(int limit, int wait_seconds);
  asio::awaitable<void> WaitOut(Error error);
  void EndOutage();

  Session& session_;
  std::string run_id_;
  std::int64_t cursor_;
  PollOptions options_;
  PollPause idle_pause_;
  PollPause outage_pause_;
  int failures_ = 0;  // in a row
};

}  // namespace vm0::cli
