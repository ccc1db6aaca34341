// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "egress/agent_socket.h"
#include "egress/entry.h"
#include "egress/idle_watch.h"
#include "http/connection.h"
#include "os/task_group.h"

namespace vm0::egress {

// Bytes both ways between an agent and a server, no faster than each side takes them, and the end
// of each direction by itself. What it is made of outlives it.
class Tunnel {
 public:
  struct Parts {
    asio::any_io_executor executor;
    AgentSocket& agent;
    http::Connection& server;
    os::Clock& clock;
    Entry& entry;  // sent and received are counted here
  };
  explicit Tunnel(Parts parts);

  // Until both directions have ended, one is broken, or nothing has moved for too long.
  asio::awaitable<void> Run();

 private:
  asio::awaitable<void> Upward();
  asio::awaitable<void> Downward();
  void Break();

  Parts parts_;
  IdleWatch idle_;
  os::TaskGroup upward_;
};

}  // namespace vm0::egress
