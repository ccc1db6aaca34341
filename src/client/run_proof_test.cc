// SPDX-License-Identifier: Apache-2.0
#include "client/run_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vm0::client {
namespace {

using testing::HasSubstr;

// test/test_verify.py does real damage to a real database; here is what only a server could do.

std::string RecordOf(std::int64_t sequence) {
  return std::to_string(sequence) + " 5 agent {\"n\":" + std::to_string(sequence) + "}\n";
}

std::string RecordsOf(std::int64_t first, std::int64_t last) {
  std::string lines;
  for (std::int64_t i = first; i <= last; ++i) lines += RecordOf(i);
  return lines;
}

RunProof ProofOf(std::int64_t last) {
  event::ChainHash chain;
  for (std::int64_t i = 1; i <= last; ++i) chain.Add(RecordOf(i));
  RunProof proof;
  proof.id = "run";
  proof.run.status = "completed";
  proof.last_sequence = last;
  proof.end = RunProof::End();
  proof.end->status = "completed";
  proof.end->last_sequence = last;
  proof.end->hash = chain.Hex();
  return proof;
}

TEST(ProofCheck, TakesPagesOfAnySize) {
  ProofCheck check(ProofOf(5));
  EXPECT_EQ(check.next_since(), 0);
  check.Take({RecordsOf(1, 2), std::nullopt});
  EXPECT_EQ(check.next_since(), 2);
  check.Take({RecordsOf(3, 5), std::nullopt});
  EXPECT_EQ(check.next_since(), std::nullopt);
  const auto verdict = check.Judge();
  EXPECT_FALSE(verdict.fault) << verdict.fault->what;
  EXPECT_TRUE(verdict.has_ended);
  EXPECT_EQ(verdict.events, 5);
  EXPECT_EQ(verdict.hash, check.proof().end->hash);
}

TEST(ProofCheck, ARunWithoutEventsHasTheHashOfNothing) {
  ProofCheck check(ProofOf(0));
  EXPECT_EQ(check.next_since(), std::nullopt);
  EXPECT_FALSE(check.Judge().fault);
}

TEST(ProofCheck, TheServersWordAloneMakesNoFault) {
  ProofCheck check(ProofOf(2));
  check.Take({RecordsOf(1, 2), 1});
  EXPECT_FALSE(check.Judge().fault);
}

TEST(ProofCheck, AServerThatEndsInTheMiddleOfARecordIsNotBelieved) {
  ProofCheck check(ProofOf(3));
  check.Take({RecordOf(1) + "2 5 agent {", std::nullopt});
  EXPECT_EQ(check.next_since(), std::nullopt);
  const auto fault = check.Judge().fault;
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->sequence, 2);
  EXPECT_THAT(fault->what, HasSubstr("no record"));
}

TEST(ProofCheck, AServerThatGivesNothingMoreIsNotAskedForEver) {
  ProofCheck check(ProofOf(3));
  check.Take({RecordsOf(1, 2), std::nullopt});
  check.Take({"", std::nullopt});
  EXPECT_EQ(check.next_since(), std::nullopt);
  EXPECT_EQ(check.Judge().fault->sequence, 3);
}

TEST(ProofCheck, TheDamagedEventComesBeforeTheMissingOne) {
  ProofCheck check(ProofOf(4));
  check.Take({"1 5 agent {\"n\":7}\n" + RecordOf(3), 1});
  EXPECT_EQ(check.Judge().fault->sequence, 1);
}

TEST(ProofCheck, EventsThatComeAfterTheProofWasFetchedAreLeftAlone) {
  RunProof proof = ProofOf(2);
  proof.run.status = "running";
  proof.end.reset();
  ProofCheck check(proof);
  check.Take({RecordsOf(1, 4), std::nullopt});
  const auto verdict = check.Judge();
  EXPECT_FALSE(verdict.fault);
  EXPECT_FALSE(verdict.has_ended);
  EXPECT_EQ(verdict.events, 2);
}

TEST(ProofCheck, AnEndThatTheServerCanNotReadIsAFault) {
  RunProof proof = ProofOf(0);
  proof.end.reset();
  proof.error = "unknown status of its end";
  EXPECT_THAT(ProofCheck(proof).Judge().fault->what, HasSubstr("unknown status"));
}

TEST(ProofCheck, OfAPrunedRunTheRestIsLookedAt) {
  RunProof proof = ProofOf(5);
  proof.pruned_to = 3;
  ProofCheck check(proof);
  EXPECT_EQ(check.next_since(), 3);
  check.Take({RecordsOf(4, 5), std::nullopt});
  auto verdict = check.Judge();
  EXPECT_FALSE(verdict.fault) << verdict.fault->what;
  EXPECT_FALSE(verdict.is_proof());
  EXPECT_EQ(verdict.events, 2);
  EXPECT_EQ(verdict.hash, "");

  proof.last_sequence = 4;
  ProofCheck missing(proof);
  missing.Take({RecordsOf(4, 4), std::nullopt});
  EXPECT_EQ(missing.Judge().fault->sequence, 5);
  proof.last_sequence = 6;
  ProofCheck added(proof);
  added.Take({RecordsOf(4, 6), std::nullopt});
  EXPECT_EQ(added.Judge().fault->sequence, 6);
  proof.last_sequence = 5;
  ProofCheck damaged(proof);
  damaged.Take({RecordsOf(4, 5), 5});
  EXPECT_EQ(damaged.Judge().fault->sequence, 5);
}

TEST(ProofCheck, OfARunThatIsPrunedAsAWholeNothingIsProved) {
  RunProof proof = ProofOf(5);
  proof.pruned_to = 5;
  const ProofCheck check(proof);
  EXPECT_EQ(check.next_since(), std::nullopt);
  EXPECT_FALSE(check.Judge().fault);
  EXPECT_FALSE(check.Judge().is_proof());
}

TEST(RunProof, IsReadFromTheApisJson) {
  const auto object = ParseJsonObject(
      R"({"proofs":[{"id":"a","status":"failed","lastSequence":7,"end":{"status":"failed",)"
      R"("lastSequence":7,"hash":"ab","outputComplete":false,"hashedBy":"server"},)"
      R"("pruned":{"lastSequence":4}},)"
      R"({"id":"b","status":"running","lastSequence":0}]})",
      "answer");
  const auto proofs = ParseRunProofs(*object);
  ASSERT_TRUE(proofs) << proofs.error().message;
  ASSERT_EQ(proofs->size(), 2u);
  EXPECT_EQ(proofs->at(0).end->last_sequence, 7);
  EXPECT_EQ(proofs->at(0).pruned_to, 4);
  EXPECT_EQ(proofs->at(0).end->hashed_by, "server");
  EXPECT_FALSE(proofs->at(0).end->output_complete);
  EXPECT_FALSE(proofs->at(1).end);
}

TEST(RunProof, AnotherAnswerIsNoProof) {
  for (const char* text : {R"({})", R"({"proofs":[7]})", R"({"proofs":[{"id":"a"}]})",
                           R"({"proofs":[{"id":"a","lastSequence":1,"end":{}}]})"}) {
    const auto proofs = ParseRunProofs(*ParseJsonObject(text, "answer"));
    ASSERT_FALSE(proofs) << text;
    EXPECT_EQ(proofs.error().code, Code::kUnreachable);
  }
}

}  // namespace
}  // namespace vm0::client
