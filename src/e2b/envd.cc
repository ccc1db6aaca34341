// SPDX-License-Identifier: Apache-2.0
#include "e2b/envd.h"

#include <sys/types.h>

#include <utility>

#include "base/text.h"
#include "e2b/answer.h"
#include "e2b/envelope.h"
#include "os/disk.h"
#include "os/random.h"

namespace vm0::e2b {
namespace {

constexpr const char* kPort = "49983";
constexpr std::string_view kUser = "root";
constexpr Seconds kPatience{30};
constexpr Seconds kStall{60};  // of a file on its way

Error Explain(const http::Response& response) {
  if (auto error = FindConnectError(response.body)) return *std::move(error);
  Error error = RefusalOf(response);
  error.message = "the sandbox: " + error.message;
  return error;
}

json::object Selector(const std::string& tag) { return {{"tag", tag}}; }

json::object ConfigOf(const Program& program) {
  json::object environment;
  for (const auto& [name, value] : program.environment) environment.emplace(name, value);
  return {{"cmd", program.command},
          {"args", json::array(program.arguments.begin(), program.arguments.end())},
          {"envs", environment}};
}

Result<RunningProcess> ParseProcess(const json::value& entry) {
  if (!entry.is_object()) return Fail(StrangeAnswer("a process is no object"));
  const auto pid = IntField(entry.get_object(), "pid");
  if (!pid || !*pid) return Fail(StrangeAnswer("pid is missing"));
  return RunningProcess{**pid, std::string(StringMember(entry.get_object(), "tag").value_or(""))};
}

// A form with one file, as every version of envd takes it (RFC 7578).
struct Multipart {
  Multipart() {
    const std::string boundary = Base64UrlEncode(os::RandomBytes(24));
    content_type = "multipart/form-data; boundary=" + boundary;
    before = "--" + boundary +
             "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n"
             "Content-Type: application/octet-stream\r\n\r\n";
    after = "\r\n--" + boundary + "--\r\n";
  }
  std::string content_type;
  std::string before;
  std::string after;
};

Error TooLarge(const std::string& path, std::int64_t limit) {
  return {Code::kPayloadTooLarge,
          path + " in the sandbox is larger than " + std::to_string(limit) + " bytes"};
}

std::string FileTarget(const std::string& path) {
  return "/files?path=" + http::PercentEncode(path) + "&username=" + std::string(kUser);
}

}  // namespace

Result<Envd> Envd::Make(asio::io_context& loop, os::Clock& clock, const Account& account,
                        const Sandbox& sandbox) {
  if (account.sandboxes) {
    return Envd(clock, std::make_unique<http::Client>(loop, clock, *account.sandboxes), sandbox);
  }
  const std::string& domain = sandbox.domain.empty() ? account.domain : sandbox.domain;
  VM0_ASSIGN(const auto endpoint, http::Endpoint::Parse("https://" + std::string(kPort) + "-" +
                                                        sandbox.id + "." + domain));
  return Envd(clock, std::make_unique<http::Client>(loop, clock, endpoint), sandbox);
}

Envd::Envd(os::Clock& clock, std::unique_ptr<http::Client> http, const Sandbox& sandbox)
    : clock_(clock),
      http_(std::move(http)),
      sandbox_id_(sandbox.id),
      access_token_(sandbox.access_token) {}

http::Request Envd::MakeRequest(std::string method, std::string target) const {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.Set("E2b-Sandbox-Id", sandbox_id_);
  request.headers.Set("E2b-Sandbox-Port", kPort);
  request.headers.Set("Authorization", "Basic " + Base64Encode(std::string(kUser) + ":"));
  if (!access_token_.empty()) request.headers.Set("X-Access-Token", access_token_);
  return request;
}

http::Request Envd::MakeCall(std::string_view procedure, const json::object& message) const {
  auto request = MakeRequest("POST", "/process.Process/" + std::string(procedure));
  request.headers.Set("Connect-Protocol-Version", "1");
  request.headers.Set("Content-Type", "application/json");
  request.body = ToJson(json::value(message));
  return request;
}

asio::awaitable<Result<http::Response>> Envd::Call(std::string_view procedure,
                                                   json::object message) {
  auto request = MakeCall(procedure, message);
  auto response = co_await http_->Send(std::move(request), kPatience);
  if (!response) co_return Fail(std::move(response).error());
  if (response->status != 200) co_return Fail(Explain(*response));
  co_return std::move(*response);
}

// Without Connect-Timeout-Ms, at whose end envd would kill the process.
asio::awaitable<Result<std::unique_ptr<ProcessStream>>> Envd::Open(std::string_view procedure,
                                                                   json::object message) {
  auto request = MakeCall(procedure, message);
  request.headers.Set("Content-Type", "application/connect+json");
  request.headers.Set("Keepalive-Ping-Interval", std::to_string(kPingInterval.count()));
  request.body = FormatEnvelope({0, std::move(request.body)});
  auto stream = co_await http_->OpenStream(std::move(request), kPatience);
  if (!stream) co_return Fail(std::move(stream).error());
  if ((*stream)->head().status != 200) co_return Fail(Explain((*stream)->head()));
  co_return std::make_unique<ProcessStream>(clock_, std::move(*stream));
}

asio::awaitable<Status> Envd::Write(std::string path, std::string bytes) {
  const Multipart form;
  auto request = MakeRequest("POST", FileTarget(path));
  request.headers.Set("Content-Type", form.content_type);
  request.body = form.before + bytes + form.after;
  const auto response = co_await http_->Send(std::move(request), kPatience);
  if (!response) co_return Fail(response.error());
  co_return response->status == 200 ? Status() : Status(Fail(Explain(*response)));
}

asio::awaitable<Status> Envd::Upload(std::string path, int file, std::size_t size) {
  Multipart form;
  auto request = MakeRequest("POST", FileTarget(path));
  request.headers.Set("Content-Type", form.content_type);
  http::FileBody body{std::move(form.before), file, size, std::move(form.after)};
  const auto response = co_await http_->Upload(std::move(request), std::move(body), kStall);
  if (!response) co_return Fail(response.error());
  co_return response->status == 200 ? Status() : Status(Fail(Explain(*response)));
}

asio::awaitable<Result<std::unique_ptr<http::ResponseStream>>> Envd::OpenFile(std::string path) {
  auto request = MakeRequest("GET", FileTarget(path));
  auto stream = co_await http_->OpenStream(std::move(request), kPatience);
  if (!stream) co_return Fail(std::move(stream).error());
  if ((*stream)->head().status != 200) co_return Fail(Explain((*stream)->head()));
  co_return std::move(*stream);
}

asio::awaitable<Result<std::string>> Envd::ReadPiece(http::ResponseStream& stream) {
  const os::Timer stall(clock_, clock_.Now() + kStall, [&stream] { stream.Close(); });
  files_.insert(&stream);
  auto piece = co_await stream.Read();
  files_.erase(&stream);
  co_return piece;
}

void Envd::Close() {
  http_->Close();
  for (http::ResponseStream* file : files_) file->Close();
}

asio::awaitable<Result<std::string>> Envd::Read(std::string path, std::size_t limit) {
  const auto stream = co_await OpenFile(path);
  if (!stream) co_return Fail(stream.error());
  std::string bytes;
  for (;;) {
    const auto piece = co_await ReadPiece(**stream);
    if (!piece) co_return Fail(piece.error());
    if (piece->empty()) co_return bytes;
    bytes += *piece;
    if (bytes.size() > limit) co_return Fail(TooLarge(path, limit));
  }
}

asio::awaitable<Result<std::int64_t>> Envd::Download(std::string path, int file,
                                                     std::int64_t limit) {
  const auto stream = co_await OpenFile(path);
  if (!stream) co_return Fail(stream.error());
  for (std::int64_t size = 0;;) {
    const auto piece = co_await ReadPiece(**stream);
    if (!piece) co_return Fail(piece.error());
    if (piece->empty()) co_return size;
    if (size + std::ssize(*piece) > limit) co_return Fail(TooLarge(path, limit));
    VM0_CO_TRY(os::WriteAt(file, *piece, size));
    size += std::ssize(*piece);
  }
}

asio::awaitable<Result<std::unique_ptr<ProcessStream>>> Envd::Start(Program program) {
  json::object message{{"process", ConfigOf(program)}, {"tag", program.tag}, {"stdin", true}};
  return Open("Start", std::move(message));
}

asio::awaitable<Result<std::unique_ptr<ProcessStream>>> Envd::Connect(std::string tag) {
  return Open("Connect", {{"process", Selector(tag)}});
}

asio::awaitable<Result<std::vector<RunningProcess>>> Envd::List() {
  const auto response = co_await Call("List", {});
  if (!response) co_return Fail(response.error());
  const auto object = ParseJsonObject(response->body, "answer");
  if (!object) co_return Fail(StrangeAnswer(object.error().message));
  std::vector<RunningProcess> processes;
  const json::array* list = ArrayMember(*object, "processes");
  if (list == nullptr) co_return processes;  // none: that is how protobuf writes JSON
  for (const json::value& entry : *list) {
    VM0_CO_ASSIGN(RunningProcess process, ParseProcess(entry));
    processes.push_back(std::move(process));
  }
  co_return processes;
}

asio::awaitable<Status> Envd::SendInput(std::string tag, std::string bytes) {
  json::object message{{"process", Selector(tag)}, {"input", {{"stdin", Base64Encode(bytes)}}}};
  const auto response = co_await Call("SendInput", std::move(message));
  co_return response ? Status() : Status(Fail(response.error()));
}

asio::awaitable<Status> Envd::Signal(std::string tag, ProcessSignal signal) {
  const bool kills = signal == ProcessSignal::kKill;
  json::object message{{"process", Selector(tag)},
                       {"signal", kills ? "SIGNAL_SIGKILL" : "SIGNAL_SIGTERM"}};
  const auto response = co_await Call("SendSignal", std::move(message));
  co_return response ? Status() : Status(Fail(response.error()));
}

}  // namespace vm0::e2b
