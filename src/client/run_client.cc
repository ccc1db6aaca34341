// SPDX-License-Identifier: Apache-2.0
#include "client/run_client.h"

#include <utility>

#include "base/id.h"
#include "client/user_client.h"
#include "event/record.h"

namespace vm0::client {
namespace {

constexpr Seconds kTimeout{30};

http::Request MakeRequest(std::string method, std::string target, const std::string& token) {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.Set("Authorization", "Bearer " + token);
  return request;
}

http::Request MakePost(std::string target, const std::string& token, const json::object& body) {
  auto request = MakeRequest("POST", std::move(target), token);
  request.headers.Set("Content-Type", "application/json");
  request.body = ToJson(json::value(body));
  return request;
}

Code CodeOfStatus(int status) {
  switch (status) {
    case 401:
      return Code::kUnauthorized;
    case 403:
      return Code::kForbidden;
    case 404:
      return Code::kNotFound;
    case 409:
      return Code::kConflict;
    case 410:
      return Code::kRunEnded;
    case 413:
      return Code::kPayloadTooLarge;
    default:
      return status >= 400 && status < 500 ? Code::kBadRequest : Code::kUnavailable;
  }
}

// A supervisor decides by the status (docs/protocol.md 4): a code of a newer server, or an answer
// that is not ours at all, must not turn a 410 into something else.
Error RefusalOf(const http::Response& response) {
  Error error = ErrorOf(response);
  if (InfoOf(error.code).http_status != response.status) error.code = CodeOfStatus(response.status);
  return error;
}

bool IsSuccess(int status) { return status >= 200 && status < 300; }

Error StrangeAnswer(const std::string& what) {
  return {Code::kUnreachable, "the server's answer makes no sense: " + what};
}

asio::awaitable<Result<http::Response>> Call(http::Client& http, http::Request request,
                                             Micros timeout) {
  auto response = co_await http.Send(std::move(request), timeout);
  if (!response) co_return Fail(std::move(response).error());
  if (!IsSuccess(response->status)) co_return Fail(RefusalOf(*response));
  co_return std::move(*response);
}

asio::awaitable<Result<json::object>> CallForObject(http::Client& http, http::Request request) {
  auto response = co_await Call(http, std::move(request), kTimeout);
  if (!response) co_return Fail(std::move(response).error());
  auto object = ParseJsonObject(response->body, "answer");
  if (!object) co_return Fail(StrangeAnswer(object.error().message));
  co_return std::move(*object);
}

Result<std::int64_t> LastSequenceOf(const json::object& answer) {
  const auto last = IntField(answer, "lastSequence");
  if (!last) return Fail(StrangeAnswer(last.error().message));
  if (!*last || **last < 0) return Fail(StrangeAnswer("lastSequence is missing"));
  return **last;
}

Result<StartAnswer> ParseStart(const json::object& answer) {
  StartAnswer start;
  const json::object* object = ObjectMember(answer, "secrets");
  if (object == nullptr) return Fail(StrangeAnswer("secrets is missing"));
  for (const auto& [name, value] : *object) {
    if (!value.is_string()) return Fail(StrangeAnswer("a secret is not a string"));
    start.secrets.emplace(name, value.get_string());
  }
  const json::array* masked = ArrayMember(answer, "masked");
  if (masked == nullptr) return start;
  for (const json::value& value : *masked) {
    if (!value.is_string()) return Fail(StrangeAnswer("a masked value is not a string"));
    start.masked.emplace_back(value.get_string());
  }
  return start;
}

Result<ClaimAnswer> ParseClaim(std::string_view body) {
  auto object = ParseJsonObject(body, "answer");
  if (!object) return Fail(StrangeAnswer(object.error().message));
  const auto run_id = StringMember(*object, "runId");
  const auto token = StringMember(*object, "token");
  const auto attempt = IntField(*object, "attempt");
  const json::object* spec = ObjectMember(*object, "spec");
  if (!run_id || !token || !attempt || !*attempt || spec == nullptr) {
    return Fail(StrangeAnswer("a claim needs runId, attempt, token and spec"));
  }
  // It becomes the name of a directory.
  if (!Uuid::Parse(*run_id)) return Fail(StrangeAnswer("runId is no UUID"));
  return ClaimAnswer{std::string(*run_id), static_cast<int>(**attempt), std::string(*token), *spec};
}

json::object UsageBody(const UsageMessage& usage) {
  json::object body;
  if (usage.memory_peak_bytes) body["memoryPeakBytes"] = *usage.memory_peak_bytes;
  if (usage.pids_peak) body["pidsPeak"] = *usage.pids_peak;
  if (usage.cpu_ms) body["cpuMs"] = *usage.cpu_ms;
  if (usage.disk_peak_bytes) body["diskPeakBytes"] = *usage.disk_peak_bytes;
  body["oomKills"] = usage.oom_kills;
  body["unenforced"] = json::array(usage.unenforced.begin(), usage.unenforced.end());
  return body;
}

json::object CompleteBody(const CompleteMessage& message) {
  json::object body{{"v", 1},
                    {"lastSequence", message.last_sequence},
                    {"status", message.status},
                    {"outputComplete", message.output_complete},
                    {"executionTimeMs", message.execution_time_ms}};
  if (message.exit_code) body["exitCode"] = *message.exit_code;
  if (message.signal) body["signal"] = *message.signal;
  if (message.reason) body["reason"] = *message.reason;
  if (message.output) body["output"] = *message.output;
  if (!message.hash.empty()) body["hash"] = message.hash;
  if (message.error_code) body["errorCode"] = *message.error_code;
  if (message.usage) body["usage"] = UsageBody(*message.usage);
  return body;
}

}  // namespace

RunClient::RunClient(http::Client& http, std::string run_token)
    : http_(http), token_(std::move(run_token)) {}

asio::awaitable<Result<StartAnswer>> RunClient::Start() {
  auto request = MakePost("/api/webhooks/agent/start", token_, {{"v", 1}});
  auto answer = co_await CallForObject(http_, std::move(request));
  if (!answer) co_return Fail(std::move(answer).error());
  co_return ParseStart(*answer);
}

asio::awaitable<Result<std::int64_t>> RunClient::Events(std::string records) {
  auto request = MakeRequest("POST", "/api/webhooks/agent/events", token_);
  request.headers.Set("Content-Type", std::string(event::kRecordContentType));
  request.body = std::move(records);
  auto answer = co_await CallForObject(http_, std::move(request));
  if (!answer) co_return Fail(std::move(answer).error());
  co_return LastSequenceOf(*answer);
}

asio::awaitable<Result<HeartbeatAnswer>> RunClient::Heartbeat(std::int64_t last_sequence,
                                                              Seconds waits_for_disk) {
  json::object body{{"v", 1}, {"lastSequence", last_sequence}};
  if (waits_for_disk > Seconds(0)) body["waitsForDisk"] = waits_for_disk.count();
  return SendHeartbeat(std::move(body));
}

asio::awaitable<Result<HeartbeatAnswer>> RunClient::Preparing(std::string what) {
  return SendHeartbeat({{"v", 1}, {"preparing", what}});
}

asio::awaitable<Result<HeartbeatAnswer>> RunClient::SendHeartbeat(json::object body) {
  auto request = MakePost("/api/webhooks/agent/heartbeat", token_, body);
  auto answer = co_await CallForObject(http_, std::move(request));
  if (!answer) co_return Fail(std::move(answer).error());
  const auto last = LastSequenceOf(*answer);
  const auto cancel = BoolField(*answer, "cancel");
  if (!last) co_return Fail(last.error());
  if (!cancel) co_return Fail(StrangeAnswer(cancel.error().message));
  co_return HeartbeatAnswer{*last, cancel->value_or(false)};
}

asio::awaitable<Status> RunClient::Complete(CompleteMessage message) {
  auto request = MakePost("/api/webhooks/agent/complete", token_, CompleteBody(message));
  auto answer = co_await CallForObject(http_, std::move(request));
  if (!answer) co_return Fail(std::move(answer).error());
  co_return Status();
}

asio::awaitable<Result<std::unique_ptr<http::ResponseStream>>> RunClient::Control() {
  auto request = MakeRequest("GET", "/api/webhooks/agent/control", token_);
  request.headers.Set("Accept", "text/event-stream");
  auto stream = co_await http_.OpenStream(std::move(request), kTimeout);
  if (!stream) co_return Fail(std::move(stream).error());
  const http::Response& head = (*stream)->head();
  if (!IsSuccess(head.status)) co_return Fail(RefusalOf(head));
  co_return std::move(*stream);
}

RunnerClient::RunnerClient(http::Client& http, std::string token, std::string machine)
    : http_(http), token_(std::move(token)), machine_(std::move(machine)) {}

asio::awaitable<Result<std::optional<ClaimAnswer>>> RunnerClient::Claim(int wait_seconds) {
  const json::object body{{"v", 1}, {"machine", machine_}, {"wait", wait_seconds}};
  auto request = MakePost("/api/runner/claim", token_, body);
  auto response = co_await Call(http_, std::move(request), Seconds(wait_seconds) + kTimeout);
  if (!response) co_return Fail(std::move(response).error());
  if (response->status == 204) co_return std::nullopt;
  auto claim = ParseClaim(response->body);
  if (!claim) co_return Fail(std::move(claim).error());
  co_return std::move(*claim);
}

asio::awaitable<Status> RunnerClient::Release(std::string run_id, int attempt, std::string reason) {
  const json::object body{
      {"v", 1}, {"machine", machine_}, {"runId", run_id}, {"attempt", attempt}, {"reason", reason}};
  auto request = MakePost("/api/runner/release", token_, body);
  auto answer = co_await CallForObject(http_, std::move(request));
  if (!answer) co_return Fail(std::move(answer).error());
  co_return Status();
}

asio::awaitable<Result<std::string>> RunnerClient::Adopt(std::string run_id, int attempt,
                                                         bool started) {
  const json::object body{{"v", 1},
                          {"machine", machine_},
                          {"runId", run_id},
                          {"attempt", attempt},
                          {"started", started}};
  auto request = MakePost("/api/runner/adopt", token_, body);
  auto answer = co_await CallForObject(http_, std::move(request));
  if (!answer) co_return Fail(std::move(answer).error());
  const auto token = StringMember(*answer, "token");
  if (!token) co_return Fail(StrangeAnswer("an adopted run without token"));
  co_return std::string(*token);
}

asio::awaitable<Result<std::vector<UnfinishedRun>>> RunnerClient::UnfinishedRuns() {
  auto target = "/api/runner/runs?machine=" + http::PercentEncode(machine_);
  auto request = MakeRequest("GET", std::move(target), token_);
  auto answer = co_await CallForObject(http_, std::move(request));
  if (!answer) co_return Fail(std::move(answer).error());
  const json::array* list = ArrayMember(*answer, "runs");
  if (list == nullptr) co_return Fail(StrangeAnswer("runs is missing"));
  std::vector<UnfinishedRun> runs;
  for (const auto& element : *list) {
    const json::object* object = element.if_object();
    const auto id = object ? StringMember(*object, "id") : std::nullopt;
    if (!id || !Uuid::Parse(*id)) co_return Fail(StrangeAnswer("a run without id"));
    const auto attempt = IntField(*object, "attempt");
    const auto started = BoolField(*object, "started");
    const auto cancel = BoolField(*object, "cancelRequested");
    if (!attempt || !started || !cancel) co_return Fail(StrangeAnswer("run " + std::string(*id)));
    runs.push_back({std::string(*id), static_cast<int>(attempt->value_or(0)),
                    started->value_or(false), cancel->value_or(false)});
  }
  co_return runs;
}

}  // namespace vm0::client
