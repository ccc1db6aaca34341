// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "egress/resolver.h"
#include "egress/target.h"
#include "http/connection.h"
#include "os/clock.h"

namespace vm0::egress {

// The way to one server: looks it up, checks each address, and connects to the very address that
// was checked. Once. What it is made of outlives it.
class Upstream {
 public:
  using Check = std::function<Status(const asio::ip::address&)>;
  Upstream(os::Clock& clock, Resolver& resolver) : clock_(clock), resolver_(resolver) {}

  // The connection, with TLS when the dialer's endpoint has it. Errors: the check's of the first
  // address when no address passes; kUnreachable; kDeadline.
  asio::awaitable<Result<std::shared_ptr<http::Connection>>> Connect(http::Dialer& dialer,
                                                                     Authority authority,
                                                                     Check check);
  // Ends Connect, and the connection that it gave.
  void Close();

 private:
  asio::awaitable<Result<std::vector<asio::ip::address>>> Resolve(const std::string& host);
  asio::awaitable<Status> ConnectOne(const Authority& authority);

  os::Clock& clock_;
  Resolver& resolver_;
  std::shared_ptr<http::Connection> connection_;
  bool closed_ = false;
};

}  // namespace vm0::egress
