// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "egress/rules.h"
#include "http/client.h"
#include "os/clock.h"
#include "os/fd.h"

namespace vm0::egress {

// One connection or request that an agent made, or was refused.
struct Entry {
  std::string method;         // "CONNECT", "GET", …; empty when it was no HTTP
  std::string host;           // "example.com:443"; of the gateway its upstream
  std::string path;           // without the query; empty for CONNECT
  int status = 0;             // what the agent was answered; of a tunnel 200
  std::string refusal;        // why, when the proxy itself refused or failed; empty otherwise
  std::int64_t sent = 0;      // bytes of bodies, or through the tunnel, from the agent
  std::int64_t received = 0;  // to the agent
  Millis duration{};
};

// The agent's way to its LLM without its credentials: requests in origin form that come to the
// proxy itself are forwarded to `upstream` (over TLS for https), with each placeholder in a
// header's value replaced by the credential; in what comes back a credential becomes its
// placeholder again. A request without a placeholder is refused with 401.
struct Gateway {
  http::Endpoint upstream;
  // placeholder → credential, both of the same length.
  std::map<std::string, std::string> credentials;
};

// The HTTP proxy of one run: CONNECT, plain HTTP in absolute form, and the gateway. Who connects is
// known by the listener, which only this run's agent can reach. Names are resolved here, each
// address is checked, and the connection goes to the very address that was checked. Loop thread
// only.
class Proxy {
 public:
  struct Options {
    Rules rules;
    std::optional<Gateway> gateway;
    // Called when the connection or request is over.
    std::function<void(const Entry&)> log;
  };
  Proxy(boost::asio::io_context& loop, os::Clock& clock, Options options);
  ~Proxy();  // as Stop
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Takes a listening, non-blocking TCP socket over; accepts until Stop.
  void Serve(os::Fd listener);
  // Closes listener and connections; what is open is logged before it returns.
  void Stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vm0::egress
