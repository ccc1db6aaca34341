// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "cli/output.h"
#include "client/run_proof.h"

namespace vm0::cli {

// A run that was looked at, and what came of it.
struct Verified {
  client::RunProof proof;
  client::ProofCheck::Verdict verdict;
};

// 0 proved, 1 bad, 7 nothing is wrong, but the run has not ended or was pruned.
int ExitOfVerdict(const client::ProofCheck::Verdict& verdict);

// One line, with its line break, harmless for a terminal.
std::string FormatVerdict(const Stream& out, const Verified& verified);
// {"id","status","events","hash","ok","ended","hashedBy"?,"prunedTo"?,"outputComplete"?,"fault"?,
// "sequence"?}
std::string FormatVerdictJson(const Verified& verified);

// What came of many.
struct Tally {
  std::int64_t runs = 0;
  std::int64_t events = 0;
  std::int64_t bad = 0;
  std::int64_t not_ended = 0;  // and good so far
  std::int64_t pruned = 0;     // and nothing is wrong with the rest

  void Count(const client::ProofCheck::Verdict& verdict);
  std::string Format(const Stream& out) const;
};

}  // namespace vm0::cli
