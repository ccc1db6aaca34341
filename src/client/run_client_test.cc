// SPDX-License-Identifier: Apache-2.0
#include "client/run_client.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <filesystem>

#include "http/server.h"

namespace vm0::client {
namespace {

constexpr const char* kRunId = "0193a0c0-0000-7000-8000-000000000001";

std::filesystem::path MakeFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vm0-test-").native();
  pattern.append(6, 'X');
  return ::mkdtemp(pattern.data());
}

class RunClientTest : public ::testing::Test {
 public:
  RunClientTest() { EXPECT_TRUE(server_.ListenUnix(socket())); }
  ~RunClientTest() override {
    server_.StopListening();
    server_.CloseConnections();
    http_.Close();
    while (loop_.poll() > 0) {
    }
    std::filesystem::remove_all(folder_);
  }

 protected:
  std::string socket() const { return (folder_ / "s").native(); }

  // The answer to the next requests.
  void Answer(int status, std::string body) { answer = {status, {}, std::move(body)}; }
  template <class T>
  T Await(asio::awaitable<T> call) {
    std::optional<T> result;
    asio::co_spawn(loop_, std::move(call), [&](std::exception_ptr failure, T value) {
      if (failure) std::rethrow_exception(failure);
      result.emplace(std::move(value));
    });
    while (!result) loop_.run_one();
    return std::move(*result);
  }
  template <class T>
  Code CodeOf(asio::awaitable<Result<T>> call) {
    const auto result = Await(std::move(call));
    EXPECT_FALSE(result);
    return result ? Code::kInternal : result.error().code;
  }

  asio::awaitable<void> Handle(http::Exchange& exchange) {
    request = exchange.request();
    http::Response response = answer;
    co_await exchange.Send(std::move(response));
  }

  asio::io_context loop_{1};
  os::FakeClock clock_;
  const std::filesystem::path folder_ = MakeFolder();
  http::Server server_{loop_,
                       clock_,
                       {},
                       [this](http::Exchange& e) { return Handle(e); },
                       [](const Error&) {
                         return http::Response{400, {}, ""};
                       }};
  http::Client http_{loop_, clock_, *http::Endpoint::Parse("unix:" + socket())};
  RunClient run{http_, "run-token"};
  RunnerClient runner{http_, "runner-token", "machine/1 \xc3\xa4"};
  http::Request request;
  http::Response answer;
};

TEST_F(RunClientTest, StartGivesTheSecrets) {
  Answer(200, R"({"ok":true,"secrets":{"A":"1","B":"x\ny"},"masked":["m"]})");
  const auto start = Await(run.Start());
  ASSERT_TRUE(start) << start.error().message;
  EXPECT_EQ(start->masked, std::vector<std::string>{"m"});
  EXPECT_EQ(start->secrets, (std::map<std::string, std::string>{{"A", "1"}, {"B", "x\ny"}}));
  EXPECT_EQ(request.method + " " + request.target, "POST /api/webhooks/agent/start");
  EXPECT_EQ(request.body, "{\"v\":1}");
  EXPECT_EQ(request.headers.Find("Authorization"), "Bearer run-token");
}

TEST_F(RunClientTest, EventsSendsTheRecordsAsTheyAre) {
  Answer(200, R"({"lastSequence":2})");
  EXPECT_EQ(*Await(run.Events("1 5 agent {}\n2 6 agent {}\n")), 2);
  EXPECT_EQ(request.body, "1 5 agent {}\n2 6 agent {}\n");
  EXPECT_EQ(request.headers.Find("Content-Type"), "application/x-vm0-events; v=1");
}

TEST_F(RunClientTest, HeartbeatTellsOfAFullDisk) {
  Answer(200, R"({"ok":true,"lastSequence":7,"cancel":false})");
  ASSERT_TRUE(Await(run.Heartbeat(9, Seconds(42))));
  EXPECT_EQ(request.body, R"({"v":1,"lastSequence":9,"waitsForDisk":42})");
}

TEST_F(RunClientTest, HeartbeatTellsOfACancel) {
  Answer(200, R"({"ok":true,"lastSequence":7,"cancel":true})");
  const auto answered = Await(run.Heartbeat(9));
  ASSERT_TRUE(answered);
  EXPECT_TRUE(answered->cancel);
  EXPECT_EQ(answered->last_sequence, 7);
  EXPECT_EQ(request.body, R"({"v":1,"lastSequence":9})");
}

TEST_F(RunClientTest, CompleteSendsWhatThereIs) {
  Answer(200, R"({"ok":true,"status":"failed"})");
  CompleteMessage message;
  message.last_sequence = 3;
  message.status = "failed";
  message.execution_time_ms = 12;
  EXPECT_TRUE(Await(run.Complete(message)));
  EXPECT_EQ(request.body, R"({"v":1,"lastSequence":3,"status":"failed","outputComplete":true,)"
                          R"("executionTimeMs":12})");
  message.exit_code = 1;
  message.signal = 9;
  message.reason = "r";
  message.output = "o";
  message.output_complete = false;
  message.hash = "h";
  message.error_code = "E";
  message.usage.emplace();
  message.usage->cpu_ms = 4;
  message.usage->unenforced = {"pids"};
  EXPECT_TRUE(Await(run.Complete(message)));
  EXPECT_EQ(request.body, R"({"v":1,"lastSequence":3,"status":"failed","outputComplete":false,)"
                          R"("executionTimeMs":12,"exitCode":1,"signal":9,"reason":"r",)"
                          R"("output":"o","hash":"h","errorCode":"E",)"
                          R"("usage":{"cpuMs":4,"oomKills":0,"unenforced":["pids"]}})");
}

TEST_F(RunClientTest, GapCarriesItsNumber) {
  Answer(409, R"({"error":{"message":"gap","code":"SEQUENCE_GAP","number":5}})");
  const auto answered = Await(run.Events("x"));
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error(), (Error{Code::kSequenceGap, "gap", 5}));
}

TEST_F(RunClientTest, TheStatusDecidesWhereTheCodeIsUnknownOrNoneIsThere) {
  const std::map<int, Code> expected = {{400, Code::kBadRequest}, {401, Code::kUnauthorized},
                                        {403, Code::kForbidden},  {404, Code::kNotFound},
                                        {409, Code::kConflict},   {410, Code::kRunEnded},
                                        {418, Code::kBadRequest}, {413, Code::kPayloadTooLarge},
                                        {500, Code::kInternal},   {302, Code::kUnavailable}};
  for (const auto& [status, code] : expected) {
    for (const char* body : {"", "<html>", R"({"error":{"message":"m","code":"NEWER"}})"}) {
      Answer(status, body);
      EXPECT_EQ(InfoOf(CodeOf(run.Events("x"))).http_status, InfoOf(code).http_status)
          << status << " " << body;
    }
  }
}

TEST_F(RunClientTest, AnAnswerThatMakesNoSenseCountsAsNone) {
  for (const char* body : {"", "[]", "{}", R"({"lastSequence":"1"})", R"({"lastSequence":-1})"}) {
    Answer(200, body);
    EXPECT_EQ(CodeOf(run.Events("x")), Code::kUnreachable) << body;
    EXPECT_EQ(CodeOf(run.Start()), Code::kUnreachable) << body;
  }
}

TEST_F(RunClientTest, ARefusedControlStreamIsAnError) {
  Answer(410, R"({"error":{"message":"m","code":"RUN_ENDED"}})");
  EXPECT_EQ(CodeOf(run.Control()), Code::kRunEnded);
  Answer(200, "event: cancel\ndata: {}\n\n");
  auto stream = Await(run.Control());
  ASSERT_TRUE(stream);
  EXPECT_EQ(*Await((*stream)->Read()), "event: cancel\ndata: {}\n\n");
}

TEST_F(RunClientTest, ClaimGivesARunOrNone) {
  Answer(204, "");
  const auto none = Await(runner.Claim(20));
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  EXPECT_EQ(request.body, "{\"v\":1,\"machine\":\"machine/1 \xc3\xa4\",\"wait\":20}");
  Answer(200, std::string(R"({"v":1,"runId":")") + kRunId +
                  R"(","attempt":2,"token":"t","spec":{"v":1}})");
  const auto claim = Await(runner.Claim(20));
  ASSERT_TRUE(claim && *claim);
  EXPECT_EQ((*claim)->run_id, kRunId);
  EXPECT_EQ((*claim)->attempt, 2);
  EXPECT_EQ((*claim)->token, "t");
}

TEST_F(RunClientTest, ARunIdThatIsNoUuidNeverBecomesADirectory) {
  Answer(200, R"({"v":1,"runId":"../../etc","attempt":2,"token":"t","spec":{}})");
  EXPECT_EQ(CodeOf(runner.Claim(0)), Code::kUnreachable);
  Answer(200, R"({"runs":[{"id":"../x","attempt":1,"started":true,"cancelRequested":false}]})");
  EXPECT_EQ(CodeOf(runner.UnfinishedRuns()), Code::kUnreachable);
}

TEST_F(RunClientTest, ReleaseNamesTheAttemptAndSaysWhy) {
  Answer(200, R"({"ok":true,"status":"pending"})");
  EXPECT_TRUE(Await(runner.Release(kRunId, 2, "exit code 1")));
  EXPECT_EQ(request.target, "/api/runner/release");
  EXPECT_EQ(request.body, std::string("{\"v\":1,\"machine\":\"machine/1 \xc3\xa4\",\"runId\":\"") +
                              kRunId + R"(","attempt":2,"reason":"exit code 1"})");
  Answer(410, R"({"error":{"message":"m","code":"SUPERSEDED"}})");
  EXPECT_EQ(CodeOf(runner.Release(kRunId, 1, "no")), Code::kSuperseded);
}

TEST_F(RunClientTest, UnfinishedRunsAreThoseOfTheMachine) {
  Answer(200, std::string(R"({"runs":[{"id":")") + kRunId +
                  R"(","attempt":1,"started":true,"cancelRequested":true}]})");
  const auto runs = Await(runner.UnfinishedRuns());
  ASSERT_TRUE(runs && runs->size() == 1);
  EXPECT_TRUE((*runs)[0].started && (*runs)[0].cancel_requested);
  EXPECT_EQ(request.target, "/api/runner/runs?machine=machine%2F1%20%C3%A4");
}

}  // namespace
}  // namespace vm0::client
