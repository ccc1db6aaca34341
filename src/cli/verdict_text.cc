// SPDX-License-Identifier: Apache-2.0
#include "cli/verdict_text.h"

#include "base/json.h"
#include "cli/exit.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

using client::ProofCheck;
using client::RunProof;
using term::Style;

constexpr std::size_t kShownHash = 16;

std::string Plural(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string DescribeProved(const RunProof& proof, const ProofCheck::Verdict& verdict) {
  std::string text = Plural(verdict.events, "event") + ", hash " +
                     verdict.hash.substr(0, kShownHash) + ", " + proof.run.status;
  if (!proof.end->output_complete) text += ", output not complete";
  if (proof.end->hashed_by == "server") text += " (hash computed by the server)";
  if (proof.end->hashed_by.empty()) text += " (not known who computed the hash)";
  return text;
}

std::string DescribeUnended(const RunProof& proof, const ProofCheck::Verdict& verdict) {
  return proof.run.status + ", has not ended; " + Plural(verdict.events, "event") +
         " so far, without gap";
}

std::string DescribePruned(const RunProof& proof, const ProofCheck::Verdict& verdict) {
  const std::string text = proof.run.status + ", pruned: ";
  if (verdict.events == 0)
    return text + Plural(verdict.pruned_to, "event") + " removed, nothing is left to prove";
  return text + "the first " + Plural(verdict.pruned_to, "event") + " removed, the other " +
         std::to_string(verdict.events) + " without gap";
}

// Nothing is wrong, but there is no proof.
std::string DescribeUnproved(const RunProof& proof, const ProofCheck::Verdict& verdict) {
  return verdict.pruned_to > 0 ? DescribePruned(proof, verdict) : DescribeUnended(proof, verdict);
}

}  // namespace

int ExitOfVerdict(const ProofCheck::Verdict& verdict) {
  if (verdict.fault) return static_cast<int>(ExitCode::kFailed);
  return verdict.is_proof() ? kExitOk : kExitNoProof;
}

std::string FormatVerdict(const Stream& out, const Verified& verified) {
  const auto& [proof, verdict] = verified;
  const std::string id = term::SanitizeLine(proof.id) + ": ";
  if (verdict.fault)
    return out.Paint("✗ " + id + term::SanitizeLine(verdict.fault->what), Style::kRed) + "\n";
  if (!verdict.is_proof())
    return out.Paint("○ " + id + term::SanitizeLine(DescribeUnproved(proof, verdict)),
                     Style::kYellow) +
           "\n";
  return out.Paint("✓ " + id + term::SanitizeLine(DescribeProved(proof, verdict)), Style::kGreen) +
         "\n";
}

std::string FormatVerdictJson(const Verified& verified) {
  const auto& [proof, verdict] = verified;
  json::object object{
      {"id", proof.id},       {"status", proof.run.status},       {"events", verdict.events},
      {"hash", verdict.hash}, {"ok", !verdict.fault.has_value()}, {"ended", verdict.has_ended}};
  if (proof.end && !proof.end->hashed_by.empty()) object["hashedBy"] = proof.end->hashed_by;
  if (verdict.pruned_to > 0) object["prunedTo"] = verdict.pruned_to;
  if (proof.end) object["outputComplete"] = proof.end->output_complete;
  if (verdict.fault) object["fault"] = verdict.fault->what;
  if (verdict.fault && verdict.fault->sequence) object["sequence"] = *verdict.fault->sequence;
  return ToJson(json::value(std::move(object))) + "\n";
}

void Tally::Count(const ProofCheck::Verdict& verdict) {
  ++runs;
  events += verdict.events;
  if (verdict.fault)
    ++bad;
  else if (verdict.pruned_to > 0)
    ++pruned;
  else if (!verdict.has_ended)
    ++not_ended;
}

std::string Tally::Format(const Stream& out) const {
  std::string text = bad == 0 ? "✓ " : "✗ " + std::to_string(bad) + " of ";
  text += Plural(runs, "run") + (bad == 0 ? "" : bad == 1 ? " is bad" : " are bad");
  text += ", " + Plural(events, "event");
  if (not_ended > 0)
    text += "; " + std::to_string(not_ended) + (not_ended == 1 ? " has" : " have") + " not ended";
  if (pruned > 0)
    text += "; " + std::to_string(pruned) + (pruned == 1 ? " was" : " were") + " pruned";
  return out.Paint(text, bad == 0 ? Style::kGreen : Style::kRed) + "\n";
}

}  // namespace vm0::cli
