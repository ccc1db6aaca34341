// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "cli/config.h"
#include "cli/local_server.h"
#include "client/user_client.h"

namespace vm0::cli {

// A command's connections to its server. Loop thread only.
class Connection {
 public:
  // kBadRequest when the address can not be read.
  static Result<std::unique_ptr<Connection>> Make(LocalServer::Parts parts, ServerAddress address);

  const ServerAddress& address() const { return address_; }
  // The directory of a server on this machine, else empty.
  std::filesystem::path data_dir() const;

  // Before anything else: makes sure that a local server answers, and reads its token.
  asio::awaitable<Status> Open();
  // After kUnreachable: starts the local server again, if clients may. kUnreachable if they may
  // not.
  asio::awaitable<Status> Recover();

  // Two connections, since calls of one queue up: requests that wait for events have their own.
  client::UserClient& api() { return *api_; }
  client::UserClient& events() { return *events_; }

  // `call` on api(); once more after Recover when the server was out of reach. Only for what may be
  // repeated. Not a coroutine itself: [id](client::UserClient& api) { return api.GetRun(id); }
  template <class T, class F>
  asio::awaitable<Result<T>> Call(F call) {
    auto first = call(*api_);
    Result<T> result = co_await std::move(first);
    if (result || result.error().code != Code::kUnreachable || !can_restart()) co_return result;
    VM0_CO_TRY(co_await Recover());
    auto second = call(*api_);
    co_return co_await std::move(second);
  }

 private:
  Connection(LocalServer::Parts parts, ServerAddress address, http::Endpoint endpoint);
  bool can_restart() const { return local_ && local_->is_on_demand(); }
  void UseToken(const std::string& token);

  ServerAddress address_;
  std::optional<LocalServer> local_;
  http::Client api_http_;
  http::Client events_http_;
  std::optional<client::UserClient> api_;
  std::optional<client::UserClient> events_;
};

}  // namespace vm0::cli
