// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "egress/agent_socket.h"
#include "egress/exchange.h"
#include "egress/proxy.h"
#include "egress/target.h"
#include "egress/upstream.h"
#include "http/connection.h"

namespace vm0::egress {

// What the connections of one proxy share.
struct SessionContext {
  asio::io_context& loop;
  os::Clock& clock;
  Proxy::Options options;
  std::optional<http::Dialer> gateway;  // set when options.gateway is
  std::uint16_t own_port = 0;           // of the listener: requests for it mean the gateway
};

// One connection of an agent, from its first request to its last. Loop thread only.
class Session {
 public:
  Session(std::shared_ptr<SessionContext> context, os::Fd socket);

  asio::awaitable<void> Run();
  // Logs what is open, and nothing after; Run then ends.
  void Stop();

 private:
  enum class Next { kRequest, kEnd };

  asio::awaitable<Next> ServeOne();
  asio::awaitable<Result<std::optional<RequestHead>>> ReadHead();
  asio::awaitable<Next> Serve(RequestHead head);
  asio::awaitable<Next> Connect(RequestHead head);
  asio::awaitable<Next> OpenTunnel(Authority authority);
  asio::awaitable<Next> Forward(RequestHead head, AbsoluteTarget target);
  asio::awaitable<Next> AskGateway(RequestHead head, std::string origin);
  asio::awaitable<Next> Ask(http::Dialer& dialer, Authority authority, Upstream::Check check,
                            Question question, Replacer replacer);
  asio::awaitable<Next> Refuse(Error error);
  asio::awaitable<void> Linger();
  bool IsOwn(const Authority& authority) const;
  void Open(std::string method, std::string host, std::string path);
  void Log();

  std::shared_ptr<SessionContext> context_;
  AgentSocket agent_;
  std::optional<Upstream> upstream_;
  Entry entry_;  // of what is under way
  MonoTime opened_{};
  bool open_ = false;
  bool is_first_ = true;
  bool stopped_ = false;
};

}  // namespace vm0::egress
