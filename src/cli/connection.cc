// SPDX-License-Identifier: Apache-2.0
#include "cli/connection.h"

#include "base/text.h"
#include "os/file.h"

namespace vm0::cli {

Result<std::unique_ptr<Connection>> Connection::Make(LocalServer::Parts parts,
                                                     ServerAddress address) {
  auto endpoint = http::Endpoint::Parse(address.url);
  if (!endpoint)
    return Fail(Code::kBadRequest, "Bad server address \"" + address.url +
                                       "\" (VM0_API_URL or apiUrl in ~/.vm0/config.json): " +
                                       endpoint.error().message);
  return std::unique_ptr<Connection>(
      new Connection(parts, std::move(address), std::move(*endpoint)));
}

Connection::Connection(LocalServer::Parts parts, ServerAddress address, http::Endpoint endpoint)
    : address_(std::move(address)),
      api_http_(parts.loop, parts.clock, endpoint),
      events_http_(parts.loop, parts.clock, endpoint) {
  if (address_.on_demand) local_.emplace(parts, address_.data_dir);
  UseToken(address_.token);
}

std::filesystem::path Connection::data_dir() const {
  if (address_.on_demand) return address_.data_dir;
  constexpr std::string_view kUnix = "unix:";
  if (!address_.url.starts_with(kUnix)) return {};
  return std::filesystem::path(address_.url.substr(kUnix.size())).parent_path();
}

asio::awaitable<Status> Connection::Open() {
  if (!local_) co_return Status{};
  VM0_CO_TRY(co_await local_->EnsureCurrent());
  if (!address_.token.empty()) co_return Status{};
  const auto path = address_.data_dir / "admin.token";
  auto token = os::ReadFile(path, 4096);
  if (!token)
    co_return Fail(Code::kUnauthorized,
                   "Can't read the local server's token: " + token.error().message);
  UseToken(std::string(TrimAscii(*token)));
  co_return Status{};
}

asio::awaitable<Status> Connection::Recover() {
  if (can_restart()) co_return co_await local_->EnsureAgain();
  co_return Fail(Code::kUnreachable, "The server at " + address_.url + " is out of reach");
}

void Connection::UseToken(const std::string& token) {
  api_.emplace(api_http_, token);
  events_.emplace(events_http_, token);
}

}  // namespace vm0::cli
