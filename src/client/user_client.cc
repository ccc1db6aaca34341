// SPDX-License-Identifier: Apache-2.0
#include "client/user_client.h"

#include <utility>

#include "base/text.h"
#include "base/time.h"

namespace vm0::client {
namespace {

constexpr Seconds kTimeout{30};
constexpr std::chrono::hours kBackupTimeout{1};
constexpr std::chrono::hours kPruneTimeout{1};

http::Request MakeRequest(std::string method, std::string target, std::string body = "") {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  if (!body.empty()) request.headers.Set("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

std::string RunTarget(const std::string& run_id) {
  return "/api/agent/runs/" + http::PercentEncode(run_id);
}

std::string SecretTarget(const std::string& name) {
  return "/api/agent/secrets/" + http::PercentEncode(name);
}

std::string EventsTarget(const std::string& run_id, std::int64_t since) {
  return RunTarget(run_id) + "/events?since=" + std::to_string(since);
}

std::string SocketTarget(const std::string& run_id, std::int64_t since) {
  return RunTarget(run_id) + "/events/ws?since=" + std::to_string(since);
}

// Of an answer without vm0's own error: somebody on the way gave it, who does not let streams pass.
Error RefusalOfStream(const http::Response& response) {
  Error error = ErrorOf(response);
  const auto body = ParseJsonObject(response.body, "answer");
  const json::object* fields = body ? ObjectMember(*body, "error") : nullptr;
  if (!fields || !FindCode(StringMember(*fields, "code").value_or("")))
    error.code = Code::kUnreachable;
  return error;
}

}  // namespace

UserClient::UserClient(http::Client& http, std::string token)
    : http_(http), token_(std::move(token)) {}

void UserClient::Authorize(http::Request& request) const {
  if (!token_.empty()) request.headers.Set("Authorization", "Bearer " + token_);
}

asio::awaitable<Result<http::Response>> UserClient::Exchange(http::Request request,
                                                             Micros timeout) {
  Authorize(request);
  auto response = co_await http_.Send(std::move(request), timeout);
  if (!response) co_return Fail(std::move(response).error());
  if (response->status < 200 || response->status >= 300) co_return Fail(ErrorOf(*response));
  co_return std::move(*response);
}

asio::awaitable<Result<std::string>> UserClient::Call(http::Request request, Micros timeout) {
  request.headers.Set("Accept", "application/json");
  auto response = co_await Exchange(std::move(request), timeout);
  if (!response) co_return Fail(std::move(response).error());
  co_return std::move(response->body);
}

asio::awaitable<Result<json::object>> UserClient::CallForObject(http::Request request,
                                                                Micros timeout) {
  auto body = co_await Call(std::move(request), timeout);
  if (!body) co_return Fail(std::move(body).error());
  auto object = ParseJsonObject(*body, "answer");
  if (!object) {
    co_return Fail(Code::kUnreachable, "This is no vm0 server at " + http_.endpoint().ToString() +
                                           ": " + object.error().message);
  }
  co_return std::move(*object);
}

asio::awaitable<Result<json::object>> UserClient::Get(std::string target) {
  auto request = MakeRequest("GET", std::move(target));
  return CallForObject(std::move(request), kTimeout);
}

asio::awaitable<Result<json::object>> UserClient::Post(std::string target, json::value body) {
  auto request = MakeRequest("POST", std::move(target), ToJson(body));
  return CallForObject(std::move(request), kTimeout);
}

asio::awaitable<Result<json::object>> UserClient::Handover(std::string version) {
  return Post("/api/server/handover", json::object{{"version", version}});
}

asio::awaitable<Result<std::unique_ptr<http::ResponseStream>>> UserClient::OpenBackup() {
  auto request = MakeRequest("GET", "/api/server/backup");
  Authorize(request);
  auto stream = co_await http_.OpenStream(std::move(request), kBackupTimeout);
  if (!stream) co_return Fail(std::move(stream).error());
  const http::Response& head = (*stream)->head();
  if (head.status != 200) co_return Fail(ErrorOf(head));
  co_return std::move(*stream);
}

asio::awaitable<Result<json::object>> UserClient::UpsertConfig(json::value config) {
  return Post("/api/agent/configs", json::object{{"config", std::move(config)}});
}

asio::awaitable<Result<json::object>> UserClient::FindConfigByName(std::string name) {
  return Get("/api/agent/configs?name=" + http::PercentEncode(name));
}

asio::awaitable<Result<json::object>> UserClient::GetConfig(std::string config_id) {
  return Get("/api/agent/configs/" + http::PercentEncode(config_id));
}

asio::awaitable<Result<json::object>> UserClient::CreateRun(json::object request,
                                                            std::string idempotency_key) {
  const json::value body(std::move(request));
  auto post = MakeRequest("POST", "/api/agent/runs", ToJson(body));
  if (!idempotency_key.empty()) post.headers.Set("Idempotency-Key", std::move(idempotency_key));
  return CallForObject(std::move(post), kTimeout);
}

asio::awaitable<Result<json::object>> UserClient::GetRun(std::string run_id) {
  return Get(RunTarget(run_id));
}

asio::awaitable<Result<std::string>> UserClient::ListRuns(std::string query) {
  auto request = MakeRequest("GET", "/api/agent/runs" + query);
  return Call(std::move(request), kTimeout);
}

asio::awaitable<Result<std::string>> UserClient::GetMetrics() {
  auto request = MakeRequest("GET", "/metrics");
  return Call(std::move(request), kTimeout);
}

asio::awaitable<Result<json::object>> UserClient::CancelRun(std::string run_id) {
  return Post(RunTarget(run_id) + "/cancel", json::object{});
}

asio::awaitable<Result<EventPage>> UserClient::GetEvents(std::string run_id, std::int64_t since,
                                                         int limit, int wait_seconds) {
  std::string target = EventsTarget(run_id, since) + "&limit=" + std::to_string(limit);
  if (wait_seconds > 0) target += "&wait=" + std::to_string(wait_seconds);
  auto request = MakeRequest("GET", std::move(target));
  auto body = co_await Call(std::move(request), kTimeout + Seconds(wait_seconds));
  if (!body) co_return Fail(std::move(body).error());
  co_return ParseEventPage(*body);
}

asio::awaitable<Result<std::unique_ptr<http::ResponseStream>>> UserClient::StreamEvents(
    std::string run_id, std::int64_t since, Micros timeout) {
  auto request = MakeRequest("GET", EventsTarget(run_id, since));
  request.headers.Set("Accept", "text/event-stream");
  Authorize(request);
  auto stream = co_await http_.OpenStream(std::move(request), timeout);
  if (!stream) co_return Fail(std::move(stream).error());
  const http::Response& head = (*stream)->head();
  if (head.status != 200) co_return Fail(RefusalOfStream(head));
  if (head.headers.Find("Content-Type").value_or("").starts_with("text/event-stream"))
    co_return std::move(*stream);
  co_return Fail(Code::kUnreachable,
                 http_.endpoint().ToString() + " does not answer with a stream of events");
}

asio::awaitable<Result<std::unique_ptr<http::WebSocketStream>>> UserClient::SocketEvents(
    std::string run_id, std::int64_t since, Micros timeout) {
  auto request = MakeRequest("GET", SocketTarget(run_id, since));
  Authorize(request);
  auto answer = co_await http_.OpenWebSocket(std::move(request), timeout);
  if (!answer) co_return Fail(std::move(answer).error());
  if (!answer->stream) co_return Fail(RefusalOfStream(answer->refusal));
  co_return std::move(answer->stream);
}

asio::awaitable<Result<json::object>> UserClient::Prune(json::object request) {
  const json::value body(std::move(request));
  auto post = MakeRequest("POST", "/api/agent/prune", ToJson(body));
  return CallForObject(std::move(post), kPruneTimeout);
}

asio::awaitable<Result<RunProof>> UserClient::GetProof(std::string run_id) {
  auto answer = co_await Get(RunTarget(run_id) + "/proof");
  if (!answer) co_return Fail(std::move(answer).error());
  co_return ParseRunProof(*answer);
}

asio::awaitable<Result<std::vector<RunProof>>> UserClient::ListProofs(std::string before) {
  std::string target = "/api/agent/proofs?limit=100";
  if (!before.empty()) target += "&before=" + http::PercentEncode(before);
  auto answer = co_await Get(std::move(target));
  if (!answer) co_return Fail(std::move(answer).error());
  co_return ParseRunProofs(*answer);
}

asio::awaitable<Result<RecordsPage>> UserClient::GetRecords(std::string run_id,
                                                            std::int64_t since) {
  auto request = MakeRequest("GET", RunTarget(run_id) + "/records?since=" + std::to_string(since));
  auto response = co_await Exchange(std::move(request), kTimeout);
  if (!response) co_return Fail(std::move(response).error());
  RecordsPage page;
  if (const auto number = response->headers.Find("vm0-first-damaged"))
    page.first_damaged = ParseInt(*number);
  page.lines = std::move(response->body);
  co_return page;
}

asio::awaitable<Result<json::object>> UserClient::CreateToken(json::object request) {
  return Post("/api/tokens", std::move(request));
}

asio::awaitable<Result<json::object>> UserClient::ListTokens() { return Get("/api/tokens"); }

asio::awaitable<Result<json::object>> UserClient::RemoveToken(std::string token_id) {
  auto request = MakeRequest("DELETE", "/api/tokens/" + http::PercentEncode(token_id));
  return CallForObject(std::move(request), kTimeout);
}

asio::awaitable<Result<json::object>> UserClient::PutSecret(std::string name, std::string value) {
  auto body = ToJson(json::object{{"value", value}});
  auto request = MakeRequest("PUT", SecretTarget(name), std::move(body));
  return CallForObject(std::move(request), kTimeout);
}

asio::awaitable<Result<json::object>> UserClient::ListSecrets() {
  return Get("/api/agent/secrets");
}

asio::awaitable<Result<json::object>> UserClient::RemoveSecret(std::string name) {
  auto request = MakeRequest("DELETE", SecretTarget(name));
  return CallForObject(std::move(request), kTimeout);
}

Error ErrorOf(const http::Response& response) {
  Error error;
  switch (response.status) {
    case 401:
      error.code = Code::kUnauthorized;
      break;
    case 403:
      error.code = Code::kForbidden;
      break;
    case 404:
      error.code = Code::kNotFound;
      break;
    case 503:
      error.code = Code::kUnavailable;
      break;
    default:
      error.code = response.status >= 500 ? Code::kInternal : Code::kBadRequest;
  }
  error.message = "The server answered with HTTP status " + std::to_string(response.status);
  const auto body = ParseJsonObject(response.body, "answer");
  if (!body) return error;
  const json::object* fields = ObjectMember(*body, "error");
  if (!fields) return error;
  if (const auto code = FindCode(StringMember(*fields, "code").value_or(""))) error.code = *code;
  if (const auto message = StringMember(*fields, "message")) error.message = *message;
  const json::value* number = Member(*fields, "number");
  if (number && number->is_int64()) error.number = number->get_int64();
  return error;
}

}  // namespace vm0::client
