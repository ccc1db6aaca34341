// SPDX-License-Identifier: Apache-2.0
#include "cli/verdict_text.h"

#include <gmock/gmock.h>

namespace vm0::cli {
namespace {

const Stream kPlain(1, term::Colour::kOff);

Verified Proved() {
  Verified verified;
  verified.proof.id = "run";
  verified.proof.run.status = "completed";
  verified.proof.end = client::RunProof::End();
  verified.proof.end->hashed_by = "supervisor";
  verified.verdict = {
      .events = 1, .hash = "0123456789abcdef0123", .has_ended = true, .fault = std::nullopt};
  return verified;
}

TEST(Verdict, SaysWhatWasProvedAndWhoComputedTheHash) {
  Verified verified = Proved();
  EXPECT_EQ(FormatVerdict(kPlain, verified), "✓ run: 1 event, hash 0123456789abcdef, completed\n");
  verified.proof.end->hashed_by = "server";
  verified.proof.end->output_complete = false;
  EXPECT_EQ(FormatVerdict(kPlain, verified),
            "✓ run: 1 event, hash 0123456789abcdef, completed, output not complete "
            "(hash computed by the server)\n");
  verified.proof.end->hashed_by.clear();
  EXPECT_NE(FormatVerdict(kPlain, verified).find("(not known who"), std::string::npos);
}

TEST(Verdict, SaysThatThereIsNoProofOfAPrunedRun) {
  Verified verified = Proved();
  verified.verdict = {.events = 0, .has_ended = true, .pruned_to = 900};
  EXPECT_EQ(FormatVerdict(kPlain, verified),
            "○ run: completed, pruned: 900 events removed, nothing is left to prove\n");
  EXPECT_EQ(ExitOfVerdict(verified.verdict), 7);
  EXPECT_THAT(FormatVerdictJson(verified), testing::HasSubstr(R"("prunedTo":900)"));
  verified.verdict.events = 100;
  EXPECT_EQ(FormatVerdict(kPlain, verified),
            "○ run: completed, pruned: the first 900 events removed, the other 100 without gap\n");
  Tally tally;
  tally.Count(verified.verdict);
  tally.Count(verified.verdict);
  EXPECT_EQ(tally.Format(kPlain), "✓ 2 runs, 200 events; 2 were pruned\n");
}

TEST(Verdict, IsHarmlessForATerminal) {
  Verified verified = Proved();
  verified.verdict.fault = {.what = "a\x1b[31m\nb", .sequence = 1};
  const std::string line = FormatVerdict(kPlain, verified);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(Verdict, HasThreeExitCodes) {
  Verified verified = Proved();
  EXPECT_EQ(ExitOfVerdict(verified.verdict), 0);
  verified.verdict.has_ended = false;
  EXPECT_EQ(ExitOfVerdict(verified.verdict), 7);
  verified.verdict.fault = {.what = "bad", .sequence = std::nullopt};
  EXPECT_EQ(ExitOfVerdict(verified.verdict), 1);
}

TEST(Verdict, AsJsonNamesTheNumberApart) {
  Verified verified = Proved();
  verified.verdict.fault = {.what = "event 3 is missing", .sequence = 3};
  EXPECT_EQ(FormatVerdictJson(verified),
            R"({"id":"run","status":"completed","events":1,"hash":"0123456789abcdef0123",)"
            R"("ok":false,"ended":true,"hashedBy":"supervisor","outputComplete":true,)"
            R"("fault":"event 3 is missing","sequence":3})"
            "\n");
}

TEST(Tally, CountsGoodBadAndLiving) {
  Tally tally;
  EXPECT_EQ(tally.Format(kPlain), "✓ 0 runs, 0 events\n");
  Verified verified = Proved();
  tally.Count(verified.verdict);
  EXPECT_EQ(tally.Format(kPlain), "✓ 1 run, 1 event\n");
  verified.verdict.has_ended = false;
  tally.Count(verified.verdict);
  verified.verdict.fault = {.what = "bad", .sequence = std::nullopt};
  tally.Count(verified.verdict);
  EXPECT_EQ(tally.Format(kPlain), "✗ 1 of 3 runs is bad, 3 events; 1 has not ended\n");
}

}  // namespace
}  // namespace vm0::cli
