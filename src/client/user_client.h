// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "client/event_page.h"
#include "client/run_proof.h"
#include "http/client.h"

namespace vm0::client {

namespace asio = boost::asio;

// The API as a user of it sees it, as typed calls. Loop thread only. Errors: those of the server
// (error table; unknown codes of a newer server become kInternal or kBadRequest by status), and
// kUnreachable, kDeadline. GET calls are not retried here: that is the caller's business.
class UserClient {
 public:
  // `token` may be empty. Both outlive the client or are copied.
  UserClient(http::Client& http, std::string token);

  asio::awaitable<Result<json::object>> Handover(std::string version);

  // The bytes of a backup (store/backup.h) as they come; the server first makes a copy of its
  // database, which may take minutes.
  asio::awaitable<Result<std::unique_ptr<http::ResponseStream>>> OpenBackup();

  asio::awaitable<Result<json::object>> UpsertConfig(json::value config);
  asio::awaitable<Result<json::object>> FindConfigByName(std::string name);
  asio::awaitable<Result<json::object>> GetConfig(std::string config_id);

  // `request`: the body of POST /api/agent/runs. `idempotency_key` may be empty.
  asio::awaitable<Result<json::object>> CreateRun(json::object request,
                                                  std::string idempotency_key);
  asio::awaitable<Result<json::object>> GetRun(std::string run_id);
  // `query`: "?status=running", or empty. The answer's bytes, unchanged.
  asio::awaitable<Result<std::string>> ListRuns(std::string query);
  // As MetricsText::Parse takes them. kForbidden for users.
  asio::awaitable<Result<std::string>> GetMetrics();
  asio::awaitable<Result<json::object>> CancelRun(std::string run_id);
  // wait 0 is a plain poll, else a long-poll of at most so many seconds.
  asio::awaitable<Result<EventPage>> GetEvents(std::string run_id, std::int64_t since, int limit,
                                               int wait_seconds);

  // The events after `since` as a stream of server-sent events; its head must come within
  // `timeout`. kUnreachable for an answer that is none.
  asio::awaitable<Result<std::unique_ptr<http::ResponseStream>>> StreamEvents(std::string run_id,
                                                                              std::int64_t since,
                                                                              Micros timeout);
  // The same over WebSocket.
  asio::awaitable<Result<std::unique_ptr<http::WebSocketStream>>> SocketEvents(std::string run_id,
                                                                               std::int64_t since,
                                                                               Micros timeout);

  // `request`: the body of POST /api/agent/prune. A part of it; may remove large directories.
  asio::awaitable<Result<json::object>> Prune(json::object request);

  asio::awaitable<Result<RunProof>> GetProof(std::string run_id);
  // Of all runs that one may see, newest first: at most 100 after `before`, which may be empty.
  asio::awaitable<Result<std::vector<RunProof>>> ListProofs(std::string before);
  asio::awaitable<Result<RecordsPage>> GetRecords(std::string run_id, std::int64_t since);

  asio::awaitable<Result<json::object>> CreateToken(json::object request);
  asio::awaitable<Result<json::object>> ListTokens();
  asio::awaitable<Result<json::object>> RemoveToken(std::string token_id);

  asio::awaitable<Result<json::object>> PutSecret(std::string name, std::string value);
  asio::awaitable<Result<json::object>> ListSecrets();
  asio::awaitable<Result<json::object>> RemoveSecret(std::string name);

 private:
  void Authorize(http::Request& request) const;
  // The 2xx answer.
  asio::awaitable<Result<http::Response>> Exchange(http::Request request, Micros timeout);
  // Its body.
  asio::awaitable<Result<std::string>> Call(http::Request request, Micros timeout);
  asio::awaitable<Result<json::object>> CallForObject(http::Request request, Micros timeout);
  asio::awaitable<Result<json::object>> Get(std::string target);
  asio::awaitable<Result<json::object>> Post(std::string target, json::value body);

  http::Client& http_;
  std::string token_;
};

// The Error that a response of status >= 400 carries.
Error ErrorOf(const http::Response& response);

}  // namespace vm0::client
