// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "os/clock.h"
#include "store/database.h"

namespace vm0::run {

namespace asio = boost::asio;

inline constexpr int kMostKept = 1000;

enum class PruneMode { kRemove, kOnlyCount };

// Removes what the directory of a run that has ended need not hold any more, durably, or only
// counts it: the bytes on disk. nullopt where all of it must stay: somebody uses it, or it has what
// the server does not.
using PruneDirectory =
    std::function<asio::awaitable<Result<std::optional<std::int64_t>>>(RunId run, PruneMode mode)>;
// Of a server whose runs have no directories here.
asio::awaitable<Result<std::optional<std::int64_t>>> NoDirectory(RunId run, PruneMode mode);

// How far a prune is: all before `run` in the order of their ends, and of its events 1..sequence
// where it only counts. As text "<run id>:<sequence>", which means nothing to a client.
struct PruneCursor {
  RunId run;
  std::int64_t sequence = 0;

  std::string ToString() const;
  static std::optional<PruneCursor> Parse(std::string_view text);
};

struct PruneRequest {
  std::string user_id;    // empty: everybody's
  Seconds older_than{0};  // since their end
  int keep = 0;           // of each user the newest so many, ended or not; 0..kMostKept
  PruneMode mode = PruneMode::kRemove;
  std::optional<PruneCursor> after;
};

// What a part of a prune did, or would do.
struct PrunedPart {
  std::int64_t runs = 0;  // of which nothing is left but their rows
  std::int64_t events = 0;
  std::int64_t bytes = 0;           // events and directories
  std::vector<RunId> left;          // since their directories must stay
  std::optional<PruneCursor> next;  // absent: that was all
};

// Removes the events and directories of runs that ended long ago; their rows and end records stay.
// Works in short transactions, so that live runs go on. Remembers nothing: one for each request
// will do. Loop thread only.
class Pruner {
 public:
  // `changed` is called after each commit that removed events of a run.
  Pruner(store::Database& database, os::Clock& clock, PruneDirectory directory,
         std::function<void(RunId)> changed);

  // Does a bounded part of it: the caller comes again with `next`. May be killed at any point, and
  // run beside others: what is done is done. Errors are the store's.
  asio::awaitable<Result<PrunedPart>> Prune(PruneRequest request);

 private:
  class Work;
  store::Database& database_;
  os::Clock& clock_;
  PruneDirectory directory_;
  std::function<void(RunId)> changed_;
};

}  // namespace vm0::run
