// SPDX-License-Identifier: Apache-2.0
#include "base/host_rule.h"

#include <gmock/gmock.h>

namespace vm0 {
namespace {

std::string HostOf(std::string_view text) {
  const auto host = ParseHostName(text);
  if (!host) return "refused";
  return (host->address ? "address " : "name ") + host->text;
}

TEST(HostNameTest, IsComparedInLowerCaseWithoutADotAtTheEnd) {
  EXPECT_EQ(HostOf("Example.COM."), "name example.com");
  EXPECT_EQ(HostOf("a_b.example"), "name a_b.example");
  EXPECT_EQ(HostOf("xn--bcher-kva.example"), "name xn--bcher-kva.example");
  EXPECT_EQ(HostOf("localhost"), "name localhost");
}

TEST(HostNameTest, KnowsAddresses) {
  EXPECT_EQ(HostOf("10.1.2.3"), "address 10.1.2.3");
  EXPECT_EQ(HostOf("10.1.2.3."), "address 10.1.2.3");
  EXPECT_EQ(HostOf("FD00::0:1"), "address fd00::1");
  EXPECT_EQ(HostOf("::ffff:10.1.2.3"), "address 10.1.2.3");
  EXPECT_EQ(HostOf("::ffff:0a01:0203"), "address 10.1.2.3");
}

TEST(HostNameTest, RefusesWhatOnlyACLibraryTakesForAnAddress) {
  for (const char* text :
       {"0x7f.1", "2130706433", "127.1", "0177.0.0.1", "0x7f000001", "127.0.0.01", "127.0.0.256",
        "1.2.3.4.5", "127.0.0.0x1", "example.123", "0x", "0X7F.1"}) {
    EXPECT_EQ(HostOf(text), "refused") << text;
  }
}

TEST(HostNameTest, RefusesWhatIsNoHost) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, "."sv, ".."sv, "a..b"sv, ".a"sv, "a b"sv, "a/b"sv, "a@b"sv, "a:b"sv, "b\xC3\xBC"sv,
        "fe80::1%eth0"sv, "127.0.0.1\0.example"sv, "a\0"sv, "[::1]"sv, "*.a"sv, "a\r\n"sv}) {
    EXPECT_EQ(HostOf(text), "refused") << text;
  }
  EXPECT_EQ(HostOf(std::string(64, 'a')), "refused");
  EXPECT_EQ(HostOf(std::string(63, 'a')), "name " + std::string(63, 'a'));
}

TEST(HostRuleTest, WithoutAPortMeansTheWebsPorts) {
  const auto rule = ParseHostRule("Example.com").value();
  EXPECT_TRUE(rule.MatchesName("example.com"));
  EXPECT_TRUE(rule.MatchesPort(80));
  EXPECT_TRUE(rule.MatchesPort(443));
  EXPECT_FALSE(rule.MatchesPort(22));
  EXPECT_FALSE(rule.MatchesName("a.example.com"));
}

TEST(HostRuleTest, StarsStandForHostsBelowAndForEveryPort) {
  const auto rule = ParseHostRule("*.example.com:*").value();
  EXPECT_TRUE(rule.MatchesName("a.example.com"));
  EXPECT_TRUE(rule.MatchesName("a.b.example.com"));
  EXPECT_FALSE(rule.MatchesName("example.com"));
  EXPECT_FALSE(rule.MatchesName("badexample.com"));
  EXPECT_TRUE(rule.MatchesPort(22));
}

TEST(HostRuleTest, NamesAddressesAndNetworks) {
  const auto bytes = [](std::string_view text) { return *ParseHostName(text)->address; };
  const auto one = ParseHostRule("10.1.2.3:5432").value();
  EXPECT_TRUE(one.Contains(bytes("10.1.2.3")));
  EXPECT_FALSE(one.Contains(bytes("10.1.2.4")));
  const auto net = ParseHostRule("10.9.0.0/8:443").value();
  EXPECT_TRUE(net.Contains(bytes("10.255.0.1")));
  EXPECT_TRUE(net.Contains(bytes("::ffff:10.2.0.1")));
  EXPECT_FALSE(net.Contains(bytes("11.0.0.1")));
  EXPECT_FALSE(net.Contains(bytes("a00::1")));
  for (const char* text : {"[fd00::/8]:443", "[fd00::]/8:443"}) {
    const auto v6 = ParseHostRule(text);
    ASSERT_TRUE(v6) << text;
    EXPECT_TRUE(v6->Contains(bytes("fd12::1")));
    EXPECT_FALSE(v6->Contains(bytes("fe00::1")));
    EXPECT_TRUE(v6->MatchesPort(443));
  }
  EXPECT_TRUE(ParseHostRule("0.0.0.0/0")->Contains(bytes("1.2.3.4")));
  EXPECT_FALSE(ParseHostRule("0.0.0.0/0")->Contains(bytes("::1")));
}

TEST(HostRuleTest, RefusesTheRestAndNamesTheRule) {
  for (const char* text : {"",
                           ":443",
                           "example.com:",
                           "example.com:0",
                           "example.com:65536",
                           "example.com:+1",
                           "https://example.com",
                           "example.com/path",
                           "fd00::1",
                           "fd00::1:443",
                           "[fd00::1",
                           "[a.b]:1",
                           "[10.0.0.1]:1",
                           "a.*.b",
                           "*",
                           "*.10.0.0.1",
                           "10.0.0.0/33",
                           "10.0.0.0/",
                           "10.0.0.0/-1",
                           "[::]/129",
                           "a.b/8",
                           "127.1:80",
                           "2130706433",
                           "[::1]x",
                           "b\xC3\xBC"
                           "cher.example",
                           "a:b:c"}) {
    const auto rule = ParseHostRule(text);
    ASSERT_FALSE(rule) << text;
    EXPECT_EQ(rule.error().code, Code::kBadRequest);
    EXPECT_THAT(rule.error().message, testing::HasSubstr("rule \"" + std::string(text) + "\": "));
  }
}

}  // namespace
}  // namespace vm0
