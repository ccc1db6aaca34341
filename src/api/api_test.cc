// SPDX-License-Identifier: Apache-2.0
#include "api/api.h"

#include <iostream>
#include <sstream>
#include <stdexcept>

#include "api/respond.h"
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;
using testing::Not;

// A part that breaks: throws at the `countdown`th look at the wall clock.
class BreakingClock final : public os::Clock {
 public:
  MonoTime Now() const override { return clock_.Now(); }
  WallTime WallNow() const override {
    if (countdown > 0 && --countdown == 0) throw std::runtime_error("the clock\nbroke");
    return clock_.WallNow();
  }
  TimerId At(MonoTime deadline, std::function<void()> action) override {
    return clock_.At(deadline, std::move(action));
  }
  bool Cancel(TimerId id) override { return clock_.Cancel(id); }

  mutable int countdown = 0;

 private:
  os::FakeClock clock_;
};

// One request without a socket.
class LocalExchange final : public http::Exchange {
 public:
  explicit LocalExchange(http::Request request) : request_(std::move(request)) {}
  const http::Request& request() const override { return request_; }
  http::Transport transport() const override { return http::Transport::kUnix; }
  bool peer_closed() const override { return false; }
  void OnPeerClosed(std::function<void()>) override {}
  asio::awaitable<void> Send(http::Response response) override {
    answers.push_back({response.status, response.headers, response.body});
    co_return;
  }
  void Stream(http::Response, std::unique_ptr<http::StreamSource>) override {}

  std::vector<Reply> answers;

 private:
  http::Request request_;
};

// Takes what is written to std::clog.
class CapturedLog {
 public:
  CapturedLog() : before_(std::clog.rdbuf(text_.rdbuf())) {}
  ~CapturedLog() { std::clog.rdbuf(before_); }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* before_;
};

asio::awaitable<bool> Handle(Api& api, LocalExchange& exchange) {
  co_await api.Handle(exchange);
  co_return true;
}

TEST(Api, WhatThrowsIsLoggedAndAnsweredWith500) {
  Stack stack;
  BreakingClock clock;
  Api api({*stack.database, *stack.feed, *stack.runs, *stack.box, clock}, {}, nullptr);
  // First where the token is looked at, then in the route itself.
  for (const int look : {1, 2}) {
    clock.countdown = look;
    http::Request request{
        .method = "POST", .target = "/api/agent/configs?x", .headers = {}, .body = {}};
    request.headers.Set("Authorization", "Bearer " + stack.alice);
    request.body = kTesterConfig;
    LocalExchange exchange(std::move(request));
    CapturedLog log;
    EXPECT_TRUE(store::Await(stack.loop, Handle(api, exchange)));
    ASSERT_EQ(exchange.answers.size(), 1u) << look;
    EXPECT_THAT(exchange.answers[0], IsError(500, "INTERNAL_SERVER_ERROR"));
    EXPECT_EQ(exchange.answers[0].message(), "Internal server error");
    EXPECT_EQ(log.text(), "vm0: POST /api/agent/configs: the clock broke\n");
  }
}

TEST(Api, AHandoverThatThrowsTakesNothingDown) {
  Stack stack;
  Api api({*stack.database, *stack.feed, *stack.runs, *stack.box, stack.clock}, {},
          [] { throw std::runtime_error("no room"); });
  http::Request request{
      .method = "POST", .target = "/api/server/handover", .headers = {}, .body = {}};
  request.headers.Set("Authorization", "Bearer " + stack.admin);
  LocalExchange exchange(std::move(request));
  CapturedLog log;
  EXPECT_TRUE(store::Await(stack.loop, Handle(api, exchange)));
  EXPECT_EQ(exchange.answers.at(0).status, 200);
  EXPECT_THAT(log.text(), HasSubstr("no room"));
}

TEST(Api, ARowThatCanNotBeReadIsA500ThatIsLogged) {
  Stack stack;
  const std::string id = stack.CreateRun();
  const std::function<Result<bool>(store::Stores&)> spoil = [&](store::Stores& stores) {
    store::Run run = **stores.runs.FindRun(*RunId::Parse(id));
    run.usage = "{";
    const Status updated = stores.runs.UpdateRun(run);
    return updated ? Result<bool>(true) : Fail(updated.error());
  };
  ASSERT_TRUE(store::Await(stack.loop, stack.database->Write<bool>(spoil)));
  CapturedLog log;
  const std::string path = "/api/agent/runs/" + id;
  EXPECT_THAT(stack.Get(path, stack.alice), IsError(500, "IO_ERROR"));
  EXPECT_THAT(log.text(), HasSubstr("vm0: GET " + path + ": the run's usage"));
}

TEST(ErrorResponse, TellsNothingOfAnInternalError) {
  const http::Response response = ErrorResponse({Code::kInternal, "/secret/path"});
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body,
            R"({"error":{"message":"Internal server error","code":"INTERNAL_SERVER_ERROR"}})");
}

TEST(ErrorResponse, CarriesTheNumberThatTheCodeSpeaksOf) {
  EXPECT_EQ(ErrorResponse({Code::kSequenceGap, "a \"gap\"", 7}).body,
            R"({"error":{"message":"a \"gap\"","code":"SEQUENCE_GAP","number":7}})");
  EXPECT_THAT(ErrorResponse({Code::kConflict, "no"}).body, Not(HasSubstr("number")));
}

}  // namespace
}  // namespace vm0::api
