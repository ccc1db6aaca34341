// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>

#include "event/record.h"

namespace vm0::api {

json::object Reply::object() const {
  auto object = ParseJsonObject(body, "reply");
  EXPECT_TRUE(object) << body;
  return object ? *std::move(object) : json::object();
}

std::string Reply::text(std::string_view field) const {
  return std::string(StringMember(object(), field).value_or(""));
}

std::string Reply::message() const {
  const json::object whole = object();
  const json::object* error = ObjectMember(whole, "error");
  return error == nullptr ? "" : std::string(StringMember(*error, "message").value_or(""));
}

std::string Reply::code() const {
  const json::object whole = object();
  const json::object* error = ObjectMember(whole, "error");
  return error == nullptr ? "" : std::string(StringMember(*error, "code").value_or(""));
}

Stack::Stack(StackOptions options) {
  database = *store::OpenSqlite((dir / "vm0.db").string(), loop.get_executor());
  box = *store::SecretBox::Open(dir / "secret.key");
  feed = std::make_unique<feed::Feed>(*database, clock);
  runs = std::make_unique<run::Runs>(
      *database, clock, *box, [this](RunId id) { feed->Wake(id); }, options.limits);
  ApiOptions api_options;
  api_options.version = "9.9.9";
  api_options.host_names = {"127.0.0.1", "localhost", "[::1]"};
  api_options.unsandboxed = options.unsandboxed;
  api_options.write_metrics = [] { return "metric 1\n"; };
  api_options.metrics_token = kMetricsToken;
  std::function<void()> handover;
  if (options.can_hand_over) handover = [this] { ++handovers; };
  api = std::make_unique<Api>(Api::Parts{*database, *feed, *runs, *box, clock, &deliveries},
                              api_options, handover);
  const http::Handler handler = [this](http::Exchange& exchange) { return api->Handle(exchange); };
  server =
      std::make_unique<http::Server>(loop, clock, http::ServerLimits{}, handler, &Api::FormatError);
  port = std::to_string(*server->ListenTcp("127.0.0.1:0"));
  admin = NewToken("admin", store::Token::Kind::kAdmin);
  alice = NewToken("alice", store::Token::Kind::kUser, true);
  bob = NewToken("bob", store::Token::Kind::kUser);
}

Stack::~Stack() {
  api->EndWaits();
  server->StopListening();
  server->CloseConnections();
  RunUntil([this] { return server->active_exchanges() == 0; });
}

void Stack::RunUntil(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  loop.restart();
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "nothing happens any more";
    loop.run_one_for(std::chrono::milliseconds(100));
    if (loop.stopped()) loop.restart();
  }
}

void Stack::Advance(Micros delay) { clock.Advance(delay); }

std::shared_ptr<Stack::Pending> Stack::Start(const std::string& method, const std::string& target,
                                             const std::string& body, const std::string& token,
                                             const HeaderList& headers) {
  auto pending = std::make_shared<Pending>();
  pending->client_ = std::make_unique<http::Client>(
      loop, clock, *http::Endpoint::Parse("http://127.0.0.1:" + port));
  http::Request request{.method = method, .target = target, .headers = {}, .body = body};
  if (!token.empty()) request.headers.Set("Authorization", "Bearer " + token);
  for (const auto& [name, value] : headers) request.headers.Set(name, value);
  auto send = pending->client_->Send(std::move(request), std::chrono::hours(24));
  asio::co_spawn(loop, std::move(send),
                 [pending](std::exception_ptr failure, Result<http::Response> response) {
                   ASSERT_EQ(failure, nullptr);
                   Reply reply;
                   if (response) reply = {response->status, response->headers, response->body};
                   pending->reply_ = reply;
                 });
  return pending;
}

Reply Stack::Finish(const std::shared_ptr<Pending>& pending) {
  RunUntil([&] { return pending->done(); });
  return pending->done() ? pending->reply() : Reply{};
}

void Stack::Abort(const std::shared_ptr<Pending>& pending) {
  pending->client_->Close();
  RunUntil([&] { return pending->done(); });
}

Reply Stack::Send(const std::string& method, const std::string& target, const std::string& body,
                  const std::string& token, const HeaderList& headers) {
  return Finish(Start(method, target, body, token, headers));
}

Reply Stack::Get(const std::string& target, const std::string& token) {
  return Send("GET", target, "", token);
}

Reply Stack::Post(const std::string& target, const std::string& body, const std::string& token) {
  return Send("POST", target, body, token);
}

std::string Stack::SendRaw(const std::string& bytes) {
  asio::ip::tcp::socket socket(loop);
  socket.connect(
      {asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(std::stoi(port))});
  asio::write(socket, asio::buffer(bytes));
  std::string answer;
  bool ended = false;
  asio::async_read(socket, asio::dynamic_buffer(answer),
                   [&](const boost::system::error_code&, std::size_t) { ended = true; });
  RunUntil([&] { return ended; });
  return answer;
}

std::string Stack::NewToken(const std::string& user, store::Token::Kind kind, bool host_scope,
                            std::optional<WallTime> expires_at) {
  const std::string text = store::NewToken("vm0_live_");
  store::Token token;
  token.id = TokenId::New(clock.WallNow());
  token.kind = kind;
  token.hash = store::HashToken(text);
  token.user_id = user;
  token.name = user;
  token.host_scope = host_scope;
  token.created_at = clock.WallNow();
  token.expires_at = expires_at;
  bool done = false;
  database->Submit([token](store::Stores& stores) { return stores.runs.InsertToken(token); },
                   [&done](const Status& status) {
                     EXPECT_TRUE(status);
                     done = true;
                   });
  RunUntil([&] { return done; });
  return text;
}

std::string Stack::CreateRun() {
  Post("/api/agent/configs", std::string(kTesterConfig), alice);
  const Reply reply = Post("/api/agent/runs", std::string(kTesterRun), alice);
  EXPECT_EQ(reply.status, 201) << reply.body;
  return reply.text("runId");
}

std::string Stack::CreateExternalRun() {
  Post("/api/agent/configs", std::string(kTesterConfig), alice);
  const Reply reply =
      Post("/api/agent/runs", R"({"agent":"tester","prompt":"do it","sandbox":"external"})", alice);
  EXPECT_EQ(reply.status, 201) << reply.body;
  return reply.text("runId");
}

Stack::ClaimedRun Stack::Claim() {
  const std::string id = CreateRun();
  const Reply reply = Post("/api/runner/claim", R"({"v":1,"machine":"m"})", admin);
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.text("runId"), id);
  return {id, reply.text("token"), 1};
}

Stack::ClaimedRun Stack::ClaimAgain(const ClaimedRun& run) {
  const std::string release = R"({"machine":"m","runId":")" + run.id + R"(","attempt":)" +
                              std::to_string(run.attempt) + R"(,"reason":"exit code 1"})";
  EXPECT_EQ(Post("/api/runner/release", release, admin).status, 200);
  Advance(run::kFirstPause);
  const Reply reply = Post("/api/runner/claim", R"({"machine":"m","wait":60})", admin);
  EXPECT_EQ(reply.text("runId"), run.id);
  return {run.id, reply.text("token"), run.attempt + 1};
}

Stack::ClaimedRun Stack::ClaimAndStart() {
  ClaimedRun run = Claim();
  EXPECT_EQ(Post("/api/webhooks/agent/start", R"({"v":1})", run.token).status, 200);
  return run;
}

std::string Stack::Records(std::int64_t first, std::int64_t last) {
  std::string records;
  for (std::int64_t number = first; number <= last; ++number) {
    event::AppendRecord(records, number, WallTime(Micros(1'763'625'600'000'000 + number)),
                        event::Source::kAgent,
                        R"({"type":"text","n":)" + std::to_string(number) + "}");
  }
  return records;
}

Reply Stack::PostRecords(const std::string& records, const std::string& token) {
  return Send("POST", "/api/webhooks/agent/events", records, token,
              {{"Content-Type", std::string(event::kRecordContentType)}});
}

Reply Stack::Complete(const ClaimedRun& run, std::int64_t last_sequence) {
  return Post("/api/webhooks/agent/complete",
              R"({"v":1,"lastSequence":)" + std::to_string(last_sequence) +
                  R"(,"status":"completed","exitCode":0,"output":"done","outputComplete":true,)"
                  R"("executionTimeMs":5})",
              run.token);
}

}  // namespace vm0::api
