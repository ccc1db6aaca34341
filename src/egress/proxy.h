// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "egress/entry.h"
#include "egress/resolver.h"
#include "egress/rules.h"
#include "http/client.h"
#include "os/clock.h"
#include "os/fd.h"

namespace vm0::egress {

// The agent's way to its LLM without its credentials: requests in origin form that come to the
// proxy itself are forwarded to `upstream` (over TLS for https), with each header value
// that is a placeholder, or "Bearer " and one, replaced by the credential; in what comes back a
// credential becomes its placeholder again. A request without a placeholder is refused with 401.
struct Gateway {
  // kPublic: an address of the internet, or one that an address rule names.
  enum class Reach { kPublic, kAnywhere };

  http::Endpoint upstream;  // not a unix socket
  // placeholder → credential, both of the same length. A credential shorter than kShortest is
  // put into requests, but not looked for in answers, where it could be anything.
  static constexpr std::size_t kShortest = 8;
  std::map<std::string, std::string> credentials;
  Reach reach = Reach::kPublic;
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
    // Awaited before each request is taken, so that an agent can't be faster than its log. May be
    // empty.
    std::function<asio::awaitable<void>()> ready;
    std::shared_ptr<Resolver> resolver;  // null: the machine's
  };
  // Connections at once; more wait until one is over.
  static constexpr std::size_t kMaxConnections = 256;

  Proxy(asio::io_context& loop, os::Clock& clock, Options options);
  ~Proxy();  // as Stop
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Takes a listening, non-blocking TCP socket over; accepts until Stop.
  void Serve(os::Fd listener);
  // Closes listener and connections; what is open is logged before it returns, and nothing after.
  void Stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // lives on while its coroutines end
};

}  // namespace vm0::egress
