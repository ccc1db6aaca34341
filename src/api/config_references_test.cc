// SPDX-License-Identifier: Apache-2.0
#include "api/config_references.h"

#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kRuns = "/api/agent/runs";

// A server with the config "tester" of alice, with these members.
class ConfigReferences : public testing::Test {
 protected:
  void Build(const std::string& members) {
    const Reply reply =
        stack.Post("/api/agent/configs",
                   R"({"config":{"version":"1.0","agent":{"name":"tester","provider":"command",)"
                   R"("command":["./agent.sh"],)" +
                       members + "}}}",
                   stack.alice);
    ASSERT_LT(reply.status, 300) << reply.body;
  }
  Reply Create(const std::string& members = "") {
    return stack.Post(kRuns, R"({"agent":"tester","prompt":"p","sandbox":"none")" + members + "}",
                      stack.alice);
  }
  void Keep(const std::string& name, const std::string& value) {
    stack.Send("PUT", "/api/agent/secrets/" + name, R"({"value":")" + value + "\"}", stack.alice);
  }
  // What the supervisor of the one run is told.
  std::string Start() {
    const Reply claim = stack.Post("/api/runner/claim", R"({"v":1,"machine":"m"})", stack.admin);
    claimed = claim.body;
    return stack.Post("/api/webhooks/agent/start", R"({"v":1})", claim.text("token")).body;
  }

  Stack stack;
  std::string claimed;
};

TEST_F(ConfigReferences, AreReplacedAndAValueWithASecretIsOne) {
  Build(R"("working_dir":"/w/${{ vars.DIR }}",)"
        R"("environment":{"AUTH":"Bearer ${{ secrets.T }}","PLAIN":"${{vars.DIR}}"})");
  const Reply run = Create(R"(,"vars":{"DIR":"d1"},"configSecrets":{"T":"t-value"})");
  ASSERT_EQ(run.status, 201) << run.body;
  EXPECT_EQ(Start(), R"({"ok":true,"secrets":{"AUTH":"Bearer t-value"},"masked":["t-value"]})");
  EXPECT_THAT(claimed, HasSubstr(R"("workingDir":"/w/d1")"));
  EXPECT_THAT(claimed, HasSubstr(R"("PLAIN":"d1")"));
  EXPECT_THAT(claimed, Not(HasSubstr("t-value")));
  const std::string shown = stack.Get(kRuns + "/" + run.text("runId"), stack.alice).body;
  EXPECT_THAT(shown, HasSubstr(R"("secrets":["AUTH"])"));
  EXPECT_THAT(shown, Not(HasSubstr("t-value")));
}

TEST_F(ConfigReferences, TheRequestWinsOverWhatIsKeptAndItsSecretsOverTheRest) {
  Build(R"("environment":{"A":"${{ secrets.A }}","B":"${{ secrets.B }}","C":"${{ secrets.C }}"})");
  for (const char* name : {"A", "B", "C"}) Keep(name, "kept-" + std::string(name));
  ASSERT_EQ(Create(R"(,"secrets":{"A":"given-A"},"configSecrets":{"A":"x","B":"given-B"})").status,
            201);
  EXPECT_EQ(Start(), R"({"ok":true,"secrets":{"A":"given-A","B":"given-B","C":"kept-C"},)"
                     R"("masked":["given-A","given-B","kept-C"]})");
}

TEST_F(ConfigReferences, ASecretOfTheRequestGoesIntoTheValueOfItsOwnName) {
  Build(R"("environment":{"A":"<${{ secrets.A }}>"})");
  ASSERT_EQ(Create(R"(,"secrets":{"A":"given-A","B":"given-B"})").status, 201);
  EXPECT_EQ(Start(),
            R"({"ok":true,"secrets":{"A":"<given-A>","B":"given-B"},"masked":["given-A"]})");
}

TEST_F(ConfigReferences, AVariableOfTheRequestTakesThePlaceOfOneWithASecret) {
  Build(R"("environment":{"A":"${{ secrets.A }}"})");
  ASSERT_EQ(Create(R"(,"env":{"A":"plain"},"configSecrets":{"A":"s-value"})").status, 201);
  EXPECT_EQ(Start(), R"({"ok":true,"secrets":{},"masked":["s-value"]})");
  EXPECT_THAT(claimed, HasSubstr(R"("A":"plain")"));
}

TEST_F(ConfigReferences, ThatAreMissingAreAllNamedAndNoRunIsMade) {
  Build(R"("environment":{"A":"${{ secrets.A }}${{ secrets.B }}","C":"${{ vars.C }}"})");
  stack.Send("PUT", "/api/agent/secrets/B", R"({"value":"bobs"})", stack.bob);
  const Reply reply = Create();
  EXPECT_THAT(reply, IsError(400, "BAD_REQUEST"));
  EXPECT_EQ(reply.message(),
            "Missing secrets: A, B. Set them with: vm0 secret set A, vm0 secret set B. "
            "Missing variables: C. Give them with: --var C=VALUE");
  EXPECT_EQ(stack.Get(kRuns, stack.alice).body, R"({"runs":[]})");
}

TEST_F(ConfigReferences, AreCheckedWithTheirValuesIn) {
  Build(R"("working_dir":"${{ vars.DIR }}")");
  EXPECT_THAT(Create(R"(,"vars":{"DIR":"relative"})").message(),
              HasSubstr("Config tester: agent.working_dir must be an absolute path"));
}

TEST_F(ConfigReferences, AreRefusedWhereTheyCanNotBe) {
  const Reply reply = stack.Post("/api/agent/configs",
                                 R"({"config":{"version":"1.0","agent":{"name":"abc",)"
                                 R"("working_dir":"/${{ secrets.S }}"}}})",
                                 stack.alice);
  EXPECT_THAT(reply, IsError(400, "BAD_REQUEST"));
  EXPECT_THAT(reply.message(), HasSubstr("agent.working_dir can't have a secret"));
}

TEST_F(ConfigReferences, SecretsThatAreOnlyNamedComeFromWhatIsKept) {
  Build(R"("environment":{})");
  Keep("KEPT", "kept-value");
  EXPECT_EQ(Create(R"(,"storedSecrets":["KEPT","NO"])").message(),
            "Missing secrets: NO. Set them with: vm0 secret set NO");
  EXPECT_THAT(Create(R"(,"storedSecrets":["a b"])").message(), HasSubstr("storedSecrets must be"));
  ASSERT_EQ(Create(R"(,"storedSecrets":["KEPT"])").status, 201);
  EXPECT_EQ(Start(), R"({"ok":true,"secrets":{"KEPT":"kept-value"}})");
}

}  // namespace
}  // namespace vm0::api
