// SPDX-License-Identifier: Apache-2.0
#include "run/prune.h"

#include <iostream>
#include <limits>
#include <utility>

#include "base/text.h"
#include "os/fault.h"

namespace vm0::run {
namespace {

// Directories and pieces of events in one part, and how long it may take: a directory may be large.
constexpr int kMostSteps = 20;
constexpr Seconds kLongest{2};

}  // namespace

asio::awaitable<Result<std::optional<std::int64_t>>> NoDirectory(RunId, PruneMode) {
  co_return std::optional<std::int64_t>(0);
}

std::string PruneCursor::ToString() const {
  return run.ToString() + ":" + std::to_string(sequence);
}

std::optional<PruneCursor> PruneCursor::Parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto run = RunId::Parse(text.substr(0, colon));
  const auto sequence = ParseInt(text.substr(colon + 1));
  if (!run || !sequence || *sequence < 0) return std::nullopt;
  return PruneCursor{*run, *sequence};
}

// One part.
class Pruner::Work {
 public:
  Work(Pruner& pruner, const PruneRequest& request) : pruner_(pruner), request_(request) {}

  asio::awaitable<Result<PrunedPart>> Run() {
    const store::PruneFilter filter = Filter();
    VM0_CO_ASSIGN(const auto candidates, pruner_.database_.reader().runs.ListPrunable(filter));
    for (const store::PruneCandidate& candidate : candidates) {
      if (!candidate.is_wanted) continue;
      VM0_CO_TRY(co_await PruneRun(candidate.run));
      if (part_.next) break;
    }
    const bool may_be_more = candidates.size() == static_cast<std::size_t>(filter.limit);
    // That one is looked at twice; what was left or only counted is passed over by its cursor.
    if (!part_.next && may_be_more) part_.next = PruneCursor{candidates.back().run, kDone};
    co_return std::move(part_);
  }

 private:
  // Of a run that is behind us.
  static constexpr std::int64_t kDone = std::numeric_limits<std::int64_t>::max();

  store::PruneFilter Filter() const {
    store::PruneFilter filter;
    filter.user_id = request_.user_id;
    filter.ended_before = pruner_.clock_.WallNow() - request_.older_than;
    filter.keep = request_.keep;
    if (request_.after) filter.from = request_.after->run;
    return filter;
  }
  bool removes() const { return request_.mode == PruneMode::kRemove; }
  // How far it was before this part.
  std::int64_t Before(RunId run) const {
    return request_.after && request_.after->run == run ? request_.after->sequence : 0;
  }
  // Whether one more step fits; else the part ends before it.
  bool TakeStep(RunId run, std::int64_t sequence) {
    const bool fits = steps_ < kMostSteps && pruner_.clock_.Now() - begin_ < kLongest;
    ++steps_;
    if (!fits) part_.next = PruneCursor{run, sequence};
    return fits;
  }

  asio::awaitable<Status> PruneRun(RunId run) {
    const std::int64_t before = Before(run);
    if (before == kDone || !TakeStep(run, before)) co_return Status();
    if (before == 0) {
      // First, while the run is found by the events that it has: a prune that is killed is done
      // again.
      const auto bytes = co_await pruner_.directory_(run, request_.mode);
      if (!bytes)
        std::clog << "vm0: run " + run.ToString() + " is not pruned: " + bytes.error().message +
                         "\n";
      if (!bytes || !*bytes) {
        part_.left.push_back(run);
        co_return Status();
      }
      part_.bytes += **bytes;
      if (removes()) (void)os::FaultFails("prune.directory");
    }
    if (removes()) co_return co_await RemoveEvents(run);
    co_return CountEvents(run, before);
  }

  asio::awaitable<Status> RemoveEvents(RunId run) {
    for (;;) {
      using Piece = store::EventLog::PrunedPiece;
      std::function<Result<Piece>(store::Stores&)> work =
          [run, now = pruner_.clock_.WallNow()](store::Stores& stores) {
            return stores.events.Prune(run, {}, now);
          };
      const auto piece = co_await pruner_.database_.Write<Piece>(std::move(work));
      if (!piece) co_return Fail(piece.error());
      pruner_.changed_(run);
      (void)os::FaultFails("prune.piece");
      Add(piece->size);
      if (piece->is_last) {
        // Another prune may have been quicker.
        part_.runs += piece->was_pruned ? 0 : 1;
        co_return Status();
      }
      if (!TakeStep(run, 1)) co_return Status();
    }
  }

  Status CountEvents(RunId run, std::int64_t sequence) {
    store::EventLog& events = pruner_.database_.reader().events;
    for (;;) {
      VM0_ASSIGN(const auto size, events.Measure(run, sequence, {}));
      if (size.events == 0) break;
      Add(size);
      sequence = size.last;
      if (!TakeStep(run, sequence)) return {};
    }
    ++part_.runs;
    return {};
  }

  void Add(const store::EventsSize& size) {
    part_.events += size.events;
    part_.bytes += size.bytes;
  }

  Pruner& pruner_;
  const PruneRequest& request_;
  const MonoTime begin_ = pruner_.clock_.Now();
  int steps_ = 0;
  PrunedPart part_;
};

Pruner::Pruner(store::Database& database, os::Clock& clock, PruneDirectory directory,
               std::function<void(RunId)> changed)
    : database_(database),
      clock_(clock),
      directory_(std::move(directory)),
      changed_(std::move(changed)) {}

asio::awaitable<Result<PrunedPart>> Pruner::Prune(PruneRequest request) {
  Work work(*this, request);
  co_return co_await work.Run();
}

}  // namespace vm0::run
