// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "client/event_page.h"
#include "event/record.h"

namespace vm0::client {

// What the server says of a run's events, to be compared with them.
struct RunProof {
  struct End {
    std::string status;
    std::int64_t last_sequence = 0;
    std::string hash;
    std::string hashed_by;  // "supervisor", "server"; empty: not known
    bool output_complete = true;
  };
  std::string id;
  RunState run;                    // only its status
  std::int64_t last_sequence = 0;  // the greatest number that is stored
  std::optional<End> end;
  std::string error;           // why the server can't read the end record; else empty
  std::int64_t pruned_to = 0;  // 1..pruned_to were removed by a prune
};

// kUnreachable when it is none.
Result<RunProof> ParseRunProof(const json::object& object);
Result<std::vector<RunProof>> ParseRunProofs(const json::object& answer);

// A page of a run's records as they are stored.
struct RecordsPage {
  std::string lines;
  std::optional<std::int64_t> first_damaged;  // that the server can name by its checksum
};

// Compares a run's records with what is said of them. The hash is computed here, from the bytes
// that came; of the server nothing is believed but the number that names a damaged event, and that
// only when something is wrong. Of a run that was pruned the hash can't be had any more: that what
// is left goes on to its end, and no event is known to be damaged, is all that is seen then.
class ProofCheck {
 public:
  explicit ProofCheck(RunProof proof);

  const RunProof& proof() const { return proof_; }
  // After which number the next page begins; nullopt when no more are wanted.
  std::optional<std::int64_t> next_since() const;
  void Take(const RecordsPage& page);

  // What is wrong, and the first number that is, if one can be named.
  struct Fault {
    std::string what;
    std::optional<std::int64_t> sequence;
  };
  struct Verdict {
    std::int64_t events = 0;  // so many are there, one after the other
    std::string hash;         // over them; empty where some were pruned
    bool has_ended = false;
    std::int64_t pruned_to = 0;
    std::optional<Fault> fault;

    bool is_proof() const { return !fault && has_ended && pruned_to == 0; }
  };
  // When next_since() is nullopt.
  Verdict Judge() const;

 private:
  // Takes the record at the start of `bytes`; gives its size.
  std::size_t TakeRecord(std::string_view bytes);
  void NoteHashAtEnd();
  std::optional<Fault> FindFault() const;
  std::optional<Fault> FindFaultOfRest() const;
  std::optional<Fault> FindFaultOfStatus() const;
  // Of an end record whose N is not what is stored.
  Fault FaultOfNumber(const RunProof::End& end) const;

  RunProof proof_;
  std::int64_t last_ = 0;  // all up to last_ came, but for those that were pruned
  event::ChainHash chain_;
  std::string hash_at_end_;  // over 1..N, as soon as they came
  std::optional<std::int64_t> first_damaged_;
  std::optional<Fault> broken_;  // the records themselves do not go on
};

}  // namespace vm0::client
