// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace vm0::egress {

// One connection or request that an agent made, or was refused.
struct Entry {
  std::string method;         // "CONNECT", "GET", …; empty when it was no HTTP
  std::string host;           // "example.com:443"; of the gateway its upstream
  std::string path;           // without the query; empty for CONNECT
  int status = 0;             // what the agent was answered; of a tunnel 200; 0: nothing
  std::string refusal;        // why, when the proxy itself refused or failed; empty otherwise
  std::int64_t sent = 0;      // bytes of bodies, or through the tunnel, from the agent
  std::int64_t received = 0;  // to the agent
  Millis duration{};
};

}  // namespace vm0::egress
