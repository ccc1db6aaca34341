// SPDX-License-Identifier: Apache-2.0
#include "egress/rules.h"

#include <gmock/gmock.h>

namespace vm0::egress {
namespace {

using boost::asio::ip::make_address;
using testing::HasSubstr;

Rules Make(const std::vector<std::string>& allow, const std::vector<std::string>& deny = {}) {
  return Rules::Parse(allow, deny).value();
}
bool MayAsk(const Rules& rules, std::string_view host, std::uint16_t port) {
  return rules.CheckHost(host, port).has_value();
}
bool MayGo(const Rules& rules, std::string_view host, const char* address, std::uint16_t port) {
  return rules.CheckAddress(host, make_address(address), port).has_value();
}

TEST(IsPublicTest, RefusesEverySpecialRange) {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.1",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.255",
                           "169.254.0.1",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.1",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.0.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.1",
                           "255.255.255.255",
                           "168.63.129.16",
                           "::",
                           "::1",
                           "::127.0.0.1",
                           "::8.8.8.8",
                           "fc00::1",
                           "fd00:ec2::254",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1",
                           "2001:db8::1",
                           "3fff::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "::ffff:169.254.169.254",
                           "64:ff9b::127.0.0.1",
                           "64:ff9b::a9fe:a9fe",
                           "64:ff9b:1::1",
                           "2002:7f00:1::",
                           "2002:a00:1::1",
                           "2001:0:7f00:1::",
                           "2001::1",
                           "2001:10::1",
                           "100::1",
                           "5f00::1"}) {
    EXPECT_FALSE(IsPublic(make_address(text))) << text;
  }
}

TEST(IsPublicTest, TakesTheInternet) {
  for (const char* text :
       {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",     "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "172.15.255.255",  "172.32.0.0",      "192.0.1.1",
        "192.167.255.255", "192.169.0.0",     "198.17.255.255",  "198.20.0.0",
        "223.255.255.255", "2606:4700::1111", "2a00:1450::1",    "2001:4860:4860::8888",
        "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8"}) {
    EXPECT_TRUE(IsPublic(make_address(text))) << text;
  }
}

TEST(RulesTest, NothingIsAllowedThatNoRuleNames) {
  EXPECT_FALSE(MayAsk(Rules(), "example.com", 443));
  const auto refusal = Make({"other.example"}).CheckHost("example.com", 443);
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().code, Code::kForbidden);
  EXPECT_THAT(refusal.error().message, HasSubstr("example.com:443 is not on the run's allow-list"));
}

TEST(RulesTest, AHostIsAllowedByNameAndPort) {
  const Rules rules = Make({"example.com:443", "*.cdn.example:8080", "web.example"});
  EXPECT_TRUE(MayAsk(rules, "example.com", 443));
  EXPECT_TRUE(MayAsk(rules, "EXAMPLE.com.", 443));
  EXPECT_FALSE(MayAsk(rules, "example.com", 80));
  EXPECT_FALSE(MayAsk(rules, "a.example.com", 443));
  EXPECT_TRUE(MayAsk(rules, "a.cdn.example", 8080));
  EXPECT_FALSE(MayAsk(rules, "cdn.example", 8080));
  EXPECT_TRUE(MayAsk(rules, "web.example", 80));
  EXPECT_TRUE(MayAsk(rules, "web.example", 443));
}

TEST(RulesTest, DenyWins) {
  const Rules rules =
      Make({"*.example.com", "10.0.0.0/8:443"}, {"bad.example.com:*", "10.1.0.0/16:*"});
  EXPECT_TRUE(MayAsk(rules, "good.example.com", 443));
  EXPECT_FALSE(MayAsk(rules, "bad.example.com", 443));
  EXPECT_TRUE(MayAsk(rules, "10.2.0.1", 443));
  EXPECT_FALSE(MayAsk(rules, "10.1.0.1", 443));
  EXPECT_FALSE(MayGo(rules, "good.example.com", "10.1.0.1", 443));
  EXPECT_FALSE(MayGo(Make({"a.example"}, {"1.1.1.1:*"}), "a.example", "1.1.1.1", 443));
}

TEST(RulesTest, WithoutAPortEveryPortIsDenied) {
  const Rules rules = Make({"*.example.com:*", "10.0.0.0/8:*"}, {"bad.example.com", "10.1.0.0/16"});
  EXPECT_FALSE(MayAsk(rules, "bad.example.com", 8443));
  EXPECT_FALSE(MayAsk(rules, "10.1.0.1", 5432));
  EXPECT_FALSE(MayGo(rules, "good.example.com", "10.1.0.1", 5432));
  EXPECT_TRUE(MayAsk(rules, "good.example.com", 8443));
}

TEST(RulesTest, AnAllowedNameMayNotLeadToAPrivateAddress) {
  const Rules rules = Make({"example.com"});
  EXPECT_TRUE(MayGo(rules, "example.com", "1.1.1.1", 443));
  for (const char* address :
       {"127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254"}) {
    EXPECT_FALSE(MayGo(rules, "example.com", address, 443)) << address;
  }
}

TEST(RulesTest, AnAddressRuleNamesAPrivateAddressForItsPort) {
  const Rules rules = Make({"db.internal:5432", "10.0.0.0/8:5432"});
  EXPECT_TRUE(MayGo(rules, "db.internal", "10.0.0.1", 5432));
  EXPECT_TRUE(MayGo(rules, "db.internal", "::ffff:10.0.0.1", 5432));
  EXPECT_FALSE(MayGo(rules, "db.internal", "10.0.0.1", 443));
  EXPECT_FALSE(MayGo(rules, "db.internal", "192.168.0.1", 5432));
}

TEST(RulesTest, AnAddressMustBeNamedToBeAskedForEvenIfItIsPublic) {
  EXPECT_FALSE(MayAsk(Make({"example.com"}), "1.1.1.1", 443));
  EXPECT_TRUE(MayAsk(Make({"1.1.1.1:443"}), "1.1.1.1", 443));
  EXPECT_TRUE(MayAsk(Make({"[2606:4700::1111]:443"}), "2606:4700:0::1111", 443));
}

TEST(RulesTest, MetadataAddressesMustBeNamedExactly) {
  for (const char* address : {"169.254.169.254", "100.100.100.200", "168.63.129.16"}) {
    const Rules wide = Make({"0.0.0.0/0:80", "169.254.0.0/16:80", "meta.example"});
    EXPECT_FALSE(MayGo(wide, "meta.example", address, 80)) << address;
    EXPECT_FALSE(MayGo(wide, address, address, 80)) << address;
    EXPECT_TRUE(MayGo(Make({std::string(address) + ":80"}), address, address, 80)) << address;
  }
  const Rules wide = Make({"[::/0]:80"});
  EXPECT_FALSE(MayGo(wide, "fd00:ec2::254", "fd00:ec2::254", 80));
  EXPECT_FALSE(MayGo(wide, "a.example", "64:ff9b::169.254.169.254", 80));
}

TEST(RulesTest, NumbersThatALibraryTakesForAddressesAreNoNames) {
  const Rules rules = Make({"127.0.0.1:80", "*.example:80"});
  EXPECT_TRUE(MayAsk(rules, "127.0.0.1", 80));
  for (const char* host : {"127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.1.example:80"}) {
    EXPECT_FALSE(MayAsk(rules, host, 80)) << host;
  }
}

TEST(RulesTest, ABadRuleIsNamed) {
  const auto rules = Rules::Parse({"example.com"}, {"exa mple"});
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().code, Code::kBadRequest);
  EXPECT_THAT(rules.error().message, HasSubstr("\"exa mple\""));
}

}  // namespace
}  // namespace vm0::egress
