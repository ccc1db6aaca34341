// SPDX-License-Identifier: Apache-2.0
#include "supervisor/network.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>

#include "http/listener.h"
#include "http/raw_peer.h"
#include "os/file.h"
#include "sandbox/control_socket.h"
#include "supervisor/test_folder.h"

namespace vm0::supervisor {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Variables = std::map<std::string, std::string>;

constexpr const char* kKey = "sk-ant-api03-0123456789abcdef0123456789abcdef";

agent::RunSpec Spec() {
  agent::RunSpec spec;
  spec.provider = "claude-code";
  spec.network = "allowlist";
  return spec;
}

NetworkPlan Plan(const agent::RunSpec& spec, const Variables& secrets) {
  auto plan = PlanNetwork(spec, secrets);
  EXPECT_TRUE(plan) << plan.error().message;
  return plan ? std::move(*plan) : NetworkPlan();
}

TEST(PlaceholderTest, LooksLikeTheCredentialAndIsAnother) {
  const std::string placeholder = MakePlaceholder(kKey);
  EXPECT_THAT(placeholder, StartsWith("sk-ant-api03-"));
  EXPECT_EQ(placeholder.size(), std::string(kKey).size());
  EXPECT_NE(placeholder, kKey);
  EXPECT_NE(MakePlaceholder(kKey), placeholder);
  EXPECT_THAT(MakePlaceholder("sk-ant-oat01-" + std::string(95, 'x')), StartsWith("sk-ant-oat01-"));
  EXPECT_THAT(MakePlaceholder("sk-ant-api03-short"), Not(StartsWith("sk-ant-api03-")))
      << "too little of it would be random";
  EXPECT_EQ(MakePlaceholder("0123456789").size(), 10u);
  EXPECT_EQ(MakePlaceholder("x").size(), 24u);
}

TEST(NetworkPlanTest, GivesTheAgentAPlaceholderAndTheWayToTheGateway) {
  const NetworkPlan plan = Plan(Spec(), {{"ANTHROPIC_API_KEY", kKey}});
  ASSERT_TRUE(plan.gateway);
  EXPECT_EQ(plan.gateway->upstream.ToString(), "https://api.anthropic.com");
  EXPECT_EQ(plan.gateway->reach, egress::Gateway::Reach::kPublic);
  Variables environment = {{"ANTHROPIC_API_KEY", kKey}, {"COPY", "a " + std::string(kKey) + " b"}};
  plan.ApplyTo(environment);
  EXPECT_EQ(environment["ANTHROPIC_BASE_URL"], "http://127.0.0.1:3128");
  const std::string placeholder = environment["ANTHROPIC_API_KEY"];
  EXPECT_EQ(plan.gateway->credentials, (Variables{{placeholder, kKey}}));
  for (const auto& [name, value] : environment) EXPECT_THAT(value, Not(HasSubstr(kKey))) << name;
  EXPECT_EQ(environment["COPY"], "a " + placeholder + " b");
}

TEST(NetworkPlanTest, TakesTheUsersEndpointAndCredentialsFromVariablesToo) {
  agent::RunSpec spec = Spec();
  spec.host_scope = true;
  spec.environment = {{"ANTHROPIC_BASE_URL", "http://127.0.0.1:9000/base"},
                      {"ANTHROPIC_AUTH_TOKEN", "token-of-the-environment"}};
  const NetworkPlan plan = Plan(spec, {});
  ASSERT_TRUE(plan.gateway);
  EXPECT_EQ(plan.gateway->upstream.ToString(), "http://127.0.0.1:9000/base");
  EXPECT_EQ(plan.gateway->reach, egress::Gateway::Reach::kAnywhere);
  Variables environment = spec.environment;
  plan.ApplyTo(environment);
  EXPECT_EQ(environment["ANTHROPIC_BASE_URL"], "http://127.0.0.1:3128");
  EXPECT_NE(environment["ANTHROPIC_AUTH_TOKEN"], "token-of-the-environment");
  spec.environment["ANTHROPIC_BASE_URL"] = "ftp://x";
  const auto refused = PlanNetwork(spec, {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("ANTHROPIC_BASE_URL"));
}

TEST(NetworkPlanTest, TellsTheAgentWhereTheProxyIsUnlessTheUserDid) {
  agent::RunSpec spec = Spec();
  spec.provider = "command";
  Variables environment = {{"HTTPS_PROXY", "http://mine"}};
  const NetworkPlan plan = Plan(spec, {});
  EXPECT_FALSE(plan.gateway);
  plan.ApplyTo(environment);
  EXPECT_EQ(environment, (Variables{{"HTTPS_PROXY", "http://mine"},
                                    {"HTTP_PROXY", "http://127.0.0.1:3128"},
                                    {"http_proxy", "http://127.0.0.1:3128"},
                                    {"https_proxy", "http://127.0.0.1:3128"},
                                    {"NO_PROXY", "localhost,127.0.0.1,::1"},
                                    {"no_proxy", "localhost,127.0.0.1,::1"},
                                    {"NODE_USE_ENV_PROXY", "1"}}));
}

TEST(NetworkPlanTest, PutsTheListsTogetherAndRefusesABadRule) {
  agent::RunSpec spec = Spec();
  spec.allow = {"*.example.com"};
  spec.deny = {"bad.example.com"};
  const NetworkPlan plan = Plan(spec, {});
  EXPECT_TRUE(plan.rules.CheckHost("good.example.com", 443));
  EXPECT_FALSE(plan.rules.CheckHost("bad.example.com", 443));
  spec.allow = {"https://x"};
  EXPECT_EQ(PlanNetwork(spec, {}).error().code, Code::kBadRequest);
}

class NetworkTest : public testing::Test {
 protected:
  // What is in the spool, parsed.
  std::vector<json::object> Events() {
    const std::string spooled = *os::ReadFile(folder.path() / "spool");
    std::vector<json::object> events;
    const auto bytes = std::string_view(spooled).substr(event::kSpoolHeader.size());
    if (bytes.empty()) return events;
    const auto records = event::ParseRecords(bytes);
    for (const auto& record : *records) {
      EXPECT_EQ(record.source, event::Source::kVm0);
      events.push_back(*ParseJsonObject(record.json, "event"));
    }
    return events;
  }
  static std::string Text(const json::object& event, std::string_view name) {
    return std::string(StringMember(event, name).value_or("-"));
  }

  asio::io_context loop{1};
  os::FakeClock clock;
  Log log{clock, -1};
  TestFolder folder;
  Spool spool = std::move(*Spool::Create(folder.path() / "spool"));
  Masker masker{{"hunter2-secret"}};
  Journal journal{loop.get_executor(), {spool, clock, log, masker}, [] {}};
  int recorded = 0;
};

TEST_F(NetworkTest, MakesAnEventOfEachEntry) {
  NetworkLog network_log(clock, journal, [this] { ++recorded; });
  egress::Entry entry;
  entry.method = "GET";
  entry.host = "a.example:80";
  entry.path = "/x/hunter2-secret";
  entry.status = 200;
  entry.sent = 1;
  entry.received = 2;
  entry.duration = Millis(3);
  network_log.Add(entry);
  network_log.Add(entry);
  const auto events = Events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(ToJson(events[0]),
            R"({"type":"vm0","event":"network","message":"GET a.example:80/x/***: 200",)"
            R"("method":"GET","host":"a.example:80","path":"/x/***","status":200,"sent":1,)"
            R"("received":2,"ms":3})");
  EXPECT_EQ(recorded, 2);
}

TEST_F(NetworkTest, CountsRefusalsThatAreAlikeWithinASecond) {
  NetworkLog network_log(clock, journal, [] {});
  egress::Entry entry;
  entry.method = "CONNECT";
  entry.host = "b.example:443";
  entry.status = 403;
  entry.refusal = "not on the list";
  for (int i = 0; i < 1000; ++i) network_log.Add(entry);
  entry.host = "c.example:443";
  network_log.Add(entry);
  EXPECT_EQ(Events().size(), 2u);
  clock.Advance(Seconds(1));
  const auto events = Events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].find("times"), events[0].end());
  EXPECT_EQ(events[2].at("times").as_int64(), 999);
  EXPECT_EQ(Text(events[2], "message"), "CONNECT b.example:443: not on the list (999 times)");
  network_log.Add(entry);
  EXPECT_EQ(Events().size(), 4u) << "a new second";
}

TEST_F(NetworkTest, AFloodOfDifferentRefusalsIsCountedTogether) {
  NetworkLog network_log(clock, journal, [] {});
  egress::Entry entry;
  entry.method = "CONNECT";
  entry.status = 403;
  entry.refusal = "no";
  for (int i = 0; i < 1000; ++i) {
    entry.host = std::to_string(i) + ".example:443";
    network_log.Add(entry);
  }
  network_log.Flush();
  const auto events = Events();
  ASSERT_EQ(events.size(), 257u);
  EXPECT_EQ(events.back().at("times").as_int64(), 744);
}

class NetworkProxyTest : public NetworkTest {
 protected:
  // The box's end: hands the listener over as its first process does.
  void StartNetwork(NetworkPlan plan) {
    network = std::make_unique<Network>(Network::Parts{loop, clock, log, journal, [] {}},
                                        std::move(plan));
    auto sockets = sandbox::MakeControlSockets();
    network->ListenOn(sockets->ours);
    auto listener = http::Listener::Tcp("127.0.0.1:0");
    port = *listener->Port();
    ASSERT_TRUE(sandbox::SendDescriptor(sockets->theirs.get(), listener->fd()));
  }

  std::unique_ptr<Network> network;
  std::uint16_t port = 0;
};

TEST_F(NetworkProxyTest, ServesOnTheListenerOfTheBoxAndRecordsWhatItDoes) {
  auto server = http::Listener::Tcp("127.0.0.1:0");
  agent::RunSpec spec = Spec();
  spec.host_scope = true;
  const std::string url = "http://127.0.0.1:" + std::to_string(*server->Port());
  StartNetwork(Plan(spec, {{"ANTHROPIC_API_KEY", kKey}, {"ANTHROPIC_BASE_URL", url}}));
  auto refused = http::RawPeer::Tcp(loop, port);
  refused.Send("CONNECT b.example:443 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(refused.ReadToEnd(), StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(Text(Events().at(0), "host"), "b.example:443");
  auto agent = http::RawPeer::Tcp(loop, port);
  agent.Send("GET /v1 HTTP/1.1\r\nx-api-key: nothing\r\n\r\n");
  EXPECT_THAT(agent.ReadToEnd(), StartsWith("HTTP/1.1 401 "));
  EXPECT_EQ(Events().size(), 2u);
  network->Stop();
  network.reset();
  loop.restart();
  loop.poll();
}

TEST_F(NetworkProxyTest, StopRecordsWhatIsOpen) {
  auto server = http::Listener::Tcp("127.0.0.1:0");
  const std::string at = "127.0.0.1:" + std::to_string(*server->Port());
  agent::RunSpec spec = Spec();
  spec.allow = {at};
  StartNetwork(Plan(spec, {}));
  auto agent = http::RawPeer::Tcp(loop, port);
  agent.Send("CONNECT " + at + " HTTP/1.1\r\n\r\n");
  EXPECT_THAT(agent.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(Events().empty());
  network->Stop();
  EXPECT_EQ(Text(Events().at(0), "host"), at);
  network.reset();
  loop.restart();
  loop.poll();
}

TEST_F(NetworkProxyTest, ABoxThatEndsBeforeItHasAListenerIsNoFault) {
  network =
      std::make_unique<Network>(Network::Parts{loop, clock, log, journal, [] {}}, Plan(Spec(), {}));
  auto sockets = sandbox::MakeControlSockets();
  network->ListenOn(sockets->ours);
  sockets->theirs.Close();
  loop.poll();
  network->Stop();
  EXPECT_TRUE(Events().empty());
}

}  // namespace
}  // namespace vm0::supervisor
