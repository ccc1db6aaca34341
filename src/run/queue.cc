// SPDX-License-Identifier: Apache-2.0
#include "run/queue.h"

#include <algorithm>
#include <tuple>

namespace vm0::run {
namespace {

// Among users with as many running.
auto TurnOf(const store::QueuedUser& user) {
  return std::tie(user.turn, user.oldest_created_at, user.oldest);
}

bool ComesBefore(const store::QueuedUser& a, const store::QueuedUser& b) {
  if (a.running != b.running) return a.running < b.running;
  return TurnOf(a) < TurnOf(b);
}

}  // namespace

Result<std::optional<store::QueuedUser>> NextUser(store::RunStore& runs,
                                                  const QueueLimits& limits) {
  VM0_ASSIGN(std::vector<store::QueuedUser> users, runs.QueuedUsers());
  const auto next = std::ranges::min_element(users, ComesBefore);
  if (next == users.end()) return std::nullopt;
  // Nobody has fewer.
  if (limits.running_per_user && next->running >= *limits.running_per_user) return std::nullopt;
  return std::move(*next);
}

Result<QueuePlaces> QueuePlaces::Of(store::RunStore& runs, const std::string& user_id) {
  QueuePlaces places;
  VM0_ASSIGN(std::vector<store::QueuedUser> users, runs.QueuedUsers());
  const auto own = std::ranges::find(users, user_id, &store::QueuedUser::user_id);
  if (own == users.end()) return places;
  places.own_ = std::move(*own);
  users.erase(own);
  for (store::QueuedUser& user : users) {
    VM0_ASSIGN(const std::int64_t queued, runs.CountQueued(user.user_id));
    places.others_.push_back({std::move(user), queued});
  }
  VM0_ASSIGN(const std::vector<RunId> ids, runs.QueuedRunsOf(user_id));
  for (const RunId& run : ids)
    places.order_.emplace(run, static_cast<std::int64_t>(places.order_.size()));
  return places;
}

// A user who has `level` running has his next run claimed when everybody else has at least as many:
// what others have below goes first. Who gets to a level first goes first on the next one, too; and
// who starts at it comes before those who have just had a turn.
std::int64_t QueuePlaces::CountBefore(const Other& other, std::int64_t level) const {
  const std::int64_t below = std::clamp<std::int64_t>(level - other.user.running, 0, other.queued);
  const bool has_one_here = other.user.running <= level && below < other.queued;
  const bool is_first = other.user.running != own_->running ? other.user.running > own_->running
                                                            : TurnOf(other.user) < TurnOf(*own_);
  return below + (has_one_here && is_first ? 1 : 0);
}

std::optional<std::int64_t> QueuePlaces::PlaceOf(RunId run) const {
  const auto found = order_.find(run);
  if (found == order_.end()) return std::nullopt;
  const std::int64_t own_before = found->second;
  std::int64_t place = own_before + 1;
  for (const Other& other : others_) place += CountBefore(other, own_->running + own_before);
  return place;
}

}  // namespace vm0::run
