// SPDX-License-Identifier: Apache-2.0
#include "agent/templates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vm0::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

json::value Parse(std::string_view text) { return ParseJson(text).value(); }

// A config of provider command with these members more.
json::value ConfigWith(const std::string& members) {
  return Parse(R"({"version":"1.0","agent":{"name":"my-agent","provider":"command",)"
               R"("command":["./a.sh"],)" +
               members + "}}");
}

std::string RefusalOf(const json::value& config) {
  const auto found = FindReferences(config);
  return found ? "" : found.error().message;
}

TEST(Templates, FindsVarsAnywhereAndSecretsInTheEnvironment) {
  const auto found = FindReferences(
      ConfigWith(R"("working_dir":"${{ vars.DIR }}","allow":["${{vars.HOST}}:443"],)"
                 R"("environment":{"A":"Bearer ${{ secrets.A_TOKEN }} ${{vars._b1}}",)"
                 R"("B":"${{ secrets.B }}"})"));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(found->vars, ElementsAre("DIR", "HOST", "_b1"));
  EXPECT_THAT(found->secrets, ElementsAre("A_TOKEN", "B"));
  EXPECT_TRUE(FindReferences(ConfigWith(R"("environment":{"A":"$ {{ x }} ${X} }}"})"))->empty());
}

TEST(Templates, FindsThemInTheFormWithAgentsToo) {
  const auto found = FindReferences(
      Parse(R"({"version":"1.0","agents":{"my-agent":{"environment":{"A":"${{ secrets.S }}"}}}})"));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(found->secrets, ElementsAre("S"));
}

TEST(Templates, NameTheKeyThatIsWrong) {
  EXPECT_THAT(RefusalOf(ConfigWith(R"("working_dir":"/${{ secrets.S }}")")),
              HasSubstr("agent.working_dir can't have a secret: ${{ secrets.S }}"));
  EXPECT_THAT(RefusalOf(ConfigWith(R"("limits":{"memory":"${{ secrets.S }}"})")),
              HasSubstr("agent.limits.memory can't have a secret"));
  EXPECT_THAT(RefusalOf(ConfigWith(R"("description":"${{ env.HOME }}")")),
              HasSubstr("agent.description has a ${{ that is neither"));
  for (const char* text : {"${{", "${{ vars.X", "${{ vars.1X }}", "${{ vars. }}", "${{ vars }}",
                           "${{ secrets.A.B }}", "${{ vars.A }} ${{ x }}"}) {
    EXPECT_THAT(RefusalOf(ConfigWith(R"("environment":{"A":")" + std::string(text) + "\"}")),
                HasSubstr("agent.environment.A has a ${{ that is neither"))
        << text;
  }
  EXPECT_THAT(RefusalOf(Parse(R"({"version":"1.0","agent":{"name":"${{ vars.N }}"}})")),
              HasSubstr("agent.name can't have"));
}

TEST(Templates, AreReplacedOnce) {
  const auto expansion = ExpandReferences(
      ConfigWith(R"("working_dir":"${{ vars.DIR }}/x",)"
                 R"("environment":{"A":"Bearer ${{ secrets.S }}!","B":"${{vars.DIR}}","C":"c"})"),
      {.vars = {{"DIR", "/d/${{ vars.DIR }}"}}, .secrets = {{"S", "s\"1\""}}});
  const auto& agent = expansion.config.at("agent").as_object();
  EXPECT_EQ(agent.at("working_dir").as_string(), "/d/${{ vars.DIR }}/x");
  EXPECT_EQ(agent.at("environment").at("A").as_string(), "Bearer s\"1\"!");
  EXPECT_EQ(agent.at("environment").at("B").as_string(), "/d/${{ vars.DIR }}");
  EXPECT_THAT(expansion.secret_variables, ElementsAre("A"));
}

TEST(Templates, LetAConfigBeCheckedBeforeTheyAreReplaced) {
  const auto config = ParseConfigTemplate(
      ConfigWith(R"("working_dir":"${{ vars.DIR }}","network":"${{ vars.NET }}","sandbox":"none",)"
                 R"("allow":["${{ vars.HOST }}","example.com:443"],)"
                 R"("limits":{"pids":"${{ vars.PIDS }}","timeout":"1h"},)"
                 R"("environment":{"A":"${{ secrets.S }}"})"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->working_dir, "");
  EXPECT_EQ(config->sandbox, "none");
  EXPECT_THAT(config->allow, ElementsAre("example.com:443"));
  EXPECT_FALSE(config->limits.pids);
  EXPECT_EQ(config->limits.timeout, Seconds(3600));
  EXPECT_EQ(config->environment.at("A"), "${{ secrets.S }}");
  EXPECT_FALSE(ParseConfigTemplate(ConfigWith(R"("working_dir":"x","dialect":"${{ vars.D }}")")));
  const auto claude = ParseConfigTemplate(
      Parse(R"({"version":"1.0","agent":{"name":"abc","binary":"${{ vars.B }}"}})"));
  EXPECT_EQ(claude->binary, "${{ vars.B }}");
}

TEST(Templates, HaveNamesOfLettersDigitsAndUnderscores) {
  for (const char* name : {"A", "_", "a1_B"}) EXPECT_TRUE(IsReferenceName(name)) << name;
  for (const char* name : {"", "1", "A-B", "A.B", "ä", "A B"})
    EXPECT_FALSE(IsReferenceName(name)) << name;
  EXPECT_TRUE(IsReferenceName(std::string(255, 'x')));
  EXPECT_FALSE(IsReferenceName(std::string(256, 'x')));
}

}  // namespace
}  // namespace vm0::agent
