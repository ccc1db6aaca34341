// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"

// Who comes next. The queue is fair: the user with the fewest running runs, among those the one
// whose last turn is the longest ago, and of his runs the oldest.
namespace vm0::run {

// What one user may have at once.
struct QueueLimits {
  // Runs of his that have been claimed; the others wait. Absent: no limit.
  std::optional<std::int64_t> running_per_user = std::nullopt;
  // Runs of his that have not ended, those of his own sandboxes too; more are refused.
  std::int64_t unfinished_per_user = 10'000;
};

// The user whose run is to be claimed now; nullopt when there is none, or all who wait have as many
// running as they may. kIo.
Result<std::optional<store::QueuedUser>> NextUser(store::RunStore& runs, const QueueLimits& limits);

// The places in the queue of one user's runs.
class QueuePlaces {
 public:
  // kIo.
  static Result<QueuePlaces> Of(store::RunStore& runs, const std::string& user_id);

  // Counted from 1: how many claims it takes until that run's, if no run comes or ends meanwhile.
  // nullopt for a run that is not in the queue, or another user's.
  std::optional<std::int64_t> PlaceOf(RunId run) const;

 private:
  struct Other {
    store::QueuedUser user;
    std::int64_t queued = 0;
  };
  std::int64_t CountBefore(const Other& other, std::int64_t level) const;

  std::optional<store::QueuedUser> own_;
  std::vector<Other> others_;
  std::map<RunId, std::int64_t> order_;  // among his own runs, from 0
};

}  // namespace vm0::run
