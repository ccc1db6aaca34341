// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <utility>

#include "metrics/families.h"
#include "metrics/histogram.h"

namespace vm0::metrics {
namespace {

constexpr std::array kEnds = {store::RunStatus::kCompleted, store::RunStatus::kFailed,
                              store::RunStatus::kTimeout, store::RunStatus::kCancelled};
// Those that wait for what comes; a poll takes what is there, however old.
constexpr std::array kLiveWays = {api::ReadWay::kLongPoll, api::ReadWay::kSse,
                                  api::ReadWay::kWebSocket};

double Real(std::uint64_t number) { return static_cast<double>(number); }

}  // namespace

class Metrics::Impl {
 public:
  Impl(const os::Clock& c, std::string v)
      : clock(c), version(std::move(v)), started_at(c.WallNow()) {}

  void Write(Exposition& out) const;

  const os::Clock& clock;
  const std::string version;
  const WallTime started_at;
  std::uint64_t events = 0;
  std::uint64_t event_bytes = 0;
  std::uint64_t created = 0;
  std::array<std::uint64_t, kEnds.size()> ended{};
  Histogram commit_lag = Histogram::OfLags();
  std::array<Histogram, kLiveWays.size()> delivery_lag = {Histogram::OfLags(), Histogram::OfLags(),
                                                          Histogram::OfLags()};
  Histogram commit_time = Histogram::OfLags();
  Histogram store_wait = Histogram::OfLags();
  Histogram group_size{{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}};
  Histogram run_wait{{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}};
};

void Metrics::Impl::Write(Exposition& out) const {
  out.Counter("vm0_events_stored_total", "Events that were stored.").Add(Real(events));
  out.Counter("vm0_event_bytes_stored_total", "Their bytes of JSON.").Add(Real(event_bytes));
  out.Histograms("vm0_event_commit_lag_seconds",
                 "From when an event was read from its agent until it was committed.")
      .Add({}, commit_lag);
  out.Histograms("vm0_event_delivery_lag_seconds",
                 "From when an event was read from its agent until the socket of a reader that "
                 "waited had it.");
  for (std::size_t i = 0; i < kLiveWays.size(); ++i)
    out.Add({{"transport", NameOf(kLiveWays[i])}}, delivery_lag[i]);
  out.Histograms("vm0_store_commit_seconds",
                 "How long a group of writes took, until it was durable.")
      .Add({}, commit_time);
  out.Histograms("vm0_store_queue_wait_seconds", "How long a write waited until its group began.")
      .Add({}, store_wait);
  out.Histograms("vm0_store_commit_writes", "How many writes were committed together.")
      .Add({}, group_size);
  out.Histograms("vm0_run_queue_wait_seconds",
                 "From when a run was created until it was claimed for the first time.")
      .Add({}, run_wait);
  out.Counter("vm0_runs_created_total", "Runs that were created.").Add(Real(created));
  out.Counter("vm0_runs_ended_total", "Runs that ended, by how they ended.");
  for (std::size_t i = 0; i < kEnds.size(); ++i)
    out.Add("status", store::NameOf(kEnds[i]), Real(ended[i]));
}

Metrics::Metrics(const os::Clock& clock, std::string version)
    : impl_(std::make_unique<Impl>(clock, std::move(version))) {}

Metrics::~Metrics() = default;

std::string Metrics::Write(const Sources& sources) const {
  Exposition out;
  impl_->Write(out);
  WriteFamilies(out, sources, {impl_->version, impl_->started_at});
  return out.Take();
}

MonoTime Metrics::Now() const { return impl_->clock.Now(); }

void Metrics::OnGroup(std::size_t works, Micros took) {
  impl_->group_size.Observe(Real(works));
  impl_->commit_time.Observe(took);
}

void Metrics::OnWait(Micros waited) { impl_->store_wait.Observe(waited); }

void Metrics::OnStored(std::span<const event::RecordView> records) {
  const WallTime now = impl_->clock.WallNow();
  impl_->events += records.size();
  for (const auto& record : records) {
    impl_->event_bytes += record.json.size();
    impl_->commit_lag.Observe(now - record.created_at);
  }
}

void Metrics::OnCreated() { ++impl_->created; }

void Metrics::OnClaimed(Micros waited) { impl_->run_wait.Observe(waited); }

void Metrics::OnEnded(store::RunStatus status) {
  const auto* const found = std::ranges::find(kEnds, status);
  if (found != kEnds.end()) ++impl_->ended[static_cast<std::size_t>(found - kEnds.begin())];
}

void Metrics::OnDelivered(api::ReadWay way, std::span<const WallTime> read_at) {
  const auto* const found = std::ranges::find(kLiveWays, way);
  if (found == kLiveWays.end()) return;
  Histogram& histogram = impl_->delivery_lag[static_cast<std::size_t>(found - kLiveWays.begin())];
  const WallTime now = impl_->clock.WallNow();
  for (const WallTime time : read_at) histogram.Observe(now - time);
}

}  // namespace vm0::metrics
