// SPDX-License-Identifier: Apache-2.0
#include "client/run_proof.h"

#include <algorithm>
#include <utility>

namespace vm0::client {
namespace {

std::unexpected<Error> NotAProof(const std::string& what) {
  return Fail(Code::kUnreachable,
              "The server's answer is no proof of a run: " + what + ". Is it an older vm0?");
}

std::string TextMember(const json::object& object, std::string_view name) {
  return std::string(StringMember(object, name).value_or(""));
}

std::optional<std::int64_t> NumberMember(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
  return value->get_int64();
}

Result<RunProof::End> ParseEnd(const json::object& object) {
  RunProof::End end;
  const auto last = NumberMember(object, "lastSequence");
  if (!last) return NotAProof("end has no lastSequence");
  end.last_sequence = *last;
  end.status = TextMember(object, "status");
  end.hash = TextMember(object, "hash");
  end.hashed_by = TextMember(object, "hashedBy");
  const json::value* complete = Member(object, "outputComplete");
  end.output_complete = complete == nullptr || *complete != json::value(false);
  return end;
}

ProofCheck::Fault FaultAt(std::int64_t sequence, const std::string& what) {
  return {"event " + std::to_string(sequence) + " " + what, sequence};
}

ProofCheck::Fault Damaged(std::int64_t sequence) {
  return FaultAt(sequence, "is not as it was stored");
}

std::string WhatItSays(const RunProof::End& end) {
  return ": the end record says " + std::to_string(end.last_sequence);
}

ProofCheck::Fault AddedAfter(std::int64_t sequence, const RunProof::End& end) {
  return FaultAt(sequence, "was added after the end" + WhatItSays(end));
}

}  // namespace

Result<RunProof> ParseRunProof(const json::object& object) {
  RunProof proof;
  proof.id = TextMember(object, "id");
  if (proof.id.empty()) return NotAProof("it has no id");
  proof.run.status = TextMember(object, "status");
  const auto last = NumberMember(object, "lastSequence");
  if (!last) return NotAProof("it has no lastSequence");
  proof.last_sequence = *last;
  if (const json::object* end = ObjectMember(object, "end")) {
    VM0_ASSIGN(proof.end, ParseEnd(*end));
  }
  proof.error = TextMember(object, "error");
  if (const json::object* pruned = ObjectMember(object, "pruned"))
    proof.pruned_to = NumberMember(*pruned, "lastSequence").value_or(0);
  return proof;
}

Result<std::vector<RunProof>> ParseRunProofs(const json::object& answer) {
  const json::array* list = ArrayMember(answer, "proofs");
  if (list == nullptr) return NotAProof("it has no proofs");
  std::vector<RunProof> proofs;
  for (const json::value& element : *list) {
    if (!element.is_object()) return NotAProof("one is no object");
    VM0_ASSIGN(RunProof proof, ParseRunProof(element.get_object()));
    proofs.push_back(std::move(proof));
  }
  return proofs;
}

ProofCheck::ProofCheck(RunProof proof) : proof_(std::move(proof)), last_(proof_.pruned_to) {
  NoteHashAtEnd();
}

std::optional<std::int64_t> ProofCheck::next_since() const {
  if (broken_ || last_ >= proof_.last_sequence) return std::nullopt;
  return last_;
}

void ProofCheck::Take(const RecordsPage& page) {
  if (!first_damaged_) first_damaged_ = page.first_damaged;
  if (page.lines.empty()) broken_ = FaultAt(last_ + 1, "is missing");
  std::string_view rest = page.lines;
  while (!rest.empty() && next_since()) {
    const std::size_t size = TakeRecord(rest);
    rest.remove_prefix(size);
  }
}

std::size_t ProofCheck::TakeRecord(std::string_view bytes) {
  const std::int64_t expected = last_ + 1;
  const auto record = event::ParseRecord(bytes);
  if (!record || !*record) {
    broken_ = FaultAt(expected, "is no record" + (record ? "" : ": " + record.error().message));
    return 0;
  }
  const std::int64_t sequence = (*record)->sequence;
  if (sequence > expected && proof_.end && last_ >= proof_.end->last_sequence) {
    broken_ = AddedAfter(sequence, *proof_.end);
  } else if (sequence > expected) {
    broken_ = FaultAt(expected, "is missing: " + std::to_string(sequence) + " comes in its place");
  } else if (sequence < expected) {
    broken_ = FaultAt(sequence, "is stored twice");
  } else {
    chain_.Add((*record)->line);
    last_ = sequence;
    NoteHashAtEnd();
  }
  return (*record)->line.size();
}

void ProofCheck::NoteHashAtEnd() {
  if (proof_.end && proof_.end->last_sequence == last_) hash_at_end_ = chain_.Hex();
}

ProofCheck::Verdict ProofCheck::Judge() const {
  Verdict verdict;
  verdict.events = last_ - proof_.pruned_to;
  verdict.pruned_to = proof_.pruned_to;
  if (proof_.pruned_to == 0) verdict.hash = chain_.Hex();
  verdict.has_ended = proof_.run.is_terminal() || proof_.end.has_value();
  verdict.fault = FindFault();
  return verdict;
}

std::optional<ProofCheck::Fault> ProofCheck::FindFault() const {
  if (broken_) {
    const bool damaged_before = first_damaged_ && *first_damaged_ < broken_->sequence.value_or(0);
    return damaged_before ? Damaged(*first_damaged_) : *broken_;
  }
  if (proof_.pruned_to > 0) return FindFaultOfRest();
  // With the right hash a checksum is wrong, and not what it is of.
  if (proof_.end && proof_.end->last_sequence == last_ && proof_.end->hash == hash_at_end_)
    return FindFaultOfStatus();
  if (proof_.end && proof_.end->last_sequence != last_) return FaultOfNumber(*proof_.end);
  if (first_damaged_) return Damaged(*first_damaged_);
  if (proof_.end) {
    return Fault{
        "the hash over its events is not that of its end record, though each event matches its own "
        "checksum: the hash was changed, or events together with their checksums",
        std::nullopt};
  }
  return FindFaultOfStatus();
}

// The hash needs all events, so it can't be had any more.
std::optional<ProofCheck::Fault> ProofCheck::FindFaultOfRest() const {
  if (first_damaged_) return Damaged(*first_damaged_);
  if (proof_.end && last_ < proof_.end->last_sequence)
    return FaultAt(last_ + 1, "is missing" + WhatItSays(*proof_.end));
  if (proof_.end && last_ > proof_.end->last_sequence)
    return AddedAfter(proof_.end->last_sequence + 1, *proof_.end);
  return FindFaultOfStatus();
}

std::optional<ProofCheck::Fault> ProofCheck::FindFaultOfStatus() const {
  const std::string& status = proof_.run.status;
  if (!proof_.error.empty())
    return Fault{"its end record can't be read: " + proof_.error, std::nullopt};
  if (!proof_.end && proof_.run.is_terminal())
    return Fault{"it is " + status + ", but has no end record", std::nullopt};
  if (proof_.end && proof_.end->status != status)
    return Fault{"it is " + status + ", but its end record says " + proof_.end->status,
                 std::nullopt};
  return std::nullopt;
}

ProofCheck::Fault ProofCheck::FaultOfNumber(const RunProof::End& end) const {
  const std::int64_t first = std::min(last_, end.last_sequence) + 1;
  // The hash tells which of the two is right.
  if (end.hash == chain_.Hex()) {
    const std::string what = last_ < first ? "was never there" : "is one too many for its end";
    return FaultAt(first, what + WhatItSays(end) + ", but its hash is that of the " +
                              std::to_string(last_) + " that are stored");
  }
  if (first_damaged_ && *first_damaged_ < first && end.hash != hash_at_end_)
    return Damaged(*first_damaged_);
  if (last_ < end.last_sequence) return FaultAt(first, "is missing" + WhatItSays(end));
  return AddedAfter(first, end);
}

}  // namespace vm0::client
