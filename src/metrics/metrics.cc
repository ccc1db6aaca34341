// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <ranges>
#include <utility>

#include "metrics/families.h"
#include "metrics/lag_histogram.h"

namespace vm0::metrics {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// Fewer are told one by one.
constexpr std::size_t kMany = 8;
constexpr std::array kEnds = {store::RunStatus::kCompleted, store::RunStatus::kFailed,
                              store::RunStatus::kTimeout, store::RunStatus::kCancelled};

prometheus::Family<prometheus::Histogram>& Histograms(prometheus::Registry& registry,
                                                      const std::string& name,
                                                      const std::string& help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry,
                                                  const std::string& name,
                                                  const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

}  // namespace

class Metrics::Impl {
 public:
  Impl(const os::Clock& c, std::string v)
      : clock(c), version(std::move(v)), started_at(c.WallNow()) {
    for (const auto way : api::kReadWays) {
      if (way == api::ReadWay::kPoll) continue;  // it takes what is there, however old
      auto& histogram =
          delivery_lags.Add({{"transport", std::string(NameOf(way))}}, LagHistogram::Buckets());
      delivery_lag.emplace_back(histogram);
    }
    for (const auto status : kEnds)
      ended.push_back(&runs_ended.Add({{"status", std::string(store::NameOf(status))}}));
  }

  // From when each was read until now.
  template <class Times>
  void ObserveAges(LagHistogram& histogram, const Times& times) const {
    const WallTime now = clock.WallNow();
    if (times.size() < kMany) {
      for (const WallTime time : times) histogram.Observe(now - time);
      return;
    }
    for (const WallTime time : times) histogram.Note(now - time);
    histogram.ObserveNoted();
  }

  const os::Clock& clock;
  const std::string version;
  const WallTime started_at;
  prometheus::Registry registry;
  prometheus::Counter& events =
      Counters(registry, "vm0_events_stored_total", "Events that were stored.").Add({});
  prometheus::Counter& event_bytes =
      Counters(registry, "vm0_event_bytes_stored_total", "Their bytes of JSON.").Add({});
  LagHistogram commit_lag{
      Histograms(registry, "vm0_event_commit_lag_seconds",
                 "From when an event was read from its agent until it was committed.")
          .Add({}, LagHistogram::Buckets())};
  prometheus::Family<prometheus::Histogram>& delivery_lags =
      Histograms(registry, "vm0_event_delivery_lag_seconds",
                 "From when an event was read from its agent until the socket of a reader that "
                 "waited had it.");
  std::vector<LagHistogram> delivery_lag;  // of each way but the first
  LagHistogram commit_time{Histograms(registry, "vm0_store_commit_seconds",
                                      "How long a group of writes took, until it was durable.")
                               .Add({}, LagHistogram::Buckets())};
  LagHistogram store_wait{Histograms(registry, "vm0_store_queue_wait_seconds",
                                     "How long a write waited until its group began.")
                              .Add({}, LagHistogram::Buckets())};
  prometheus::Histogram& group_size =
      Histograms(registry, "vm0_store_commit_writes", "How many writes were committed together.")
          .Add({}, Buckets{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000});
  prometheus::Histogram& run_wait =
      Histograms(registry, "vm0_run_queue_wait_seconds",
                 "From when a run was created until it was claimed for the first time.")
          .Add({},
               Buckets{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200});
  prometheus::Counter& created =
      Counters(registry, "vm0_runs_created_total", "Runs that were created.").Add({});
  prometheus::Family<prometheus::Counter>& runs_ended =
      Counters(registry, "vm0_runs_ended_total", "Runs that ended, by how they ended.");
  std::vector<prometheus::Counter*> ended;  // as kEnds
};

Metrics::Metrics(const os::Clock& clock, std::string version)
    : impl_(std::make_unique<Impl>(clock, std::move(version))) {}

Metrics::~Metrics() = default;

std::string Metrics::Write(const Sources& sources) const {
  const ServerFacts server{impl_->version, impl_->started_at};
  auto families = impl_->registry.Collect();
  std::ranges::move(ReadFamilies(sources, server), std::back_inserter(families));
  return prometheus::TextSerializer().Serialize(families);
}

MonoTime Metrics::Now() const { return impl_->clock.Now(); }

void Metrics::OnGroup(std::size_t works, Micros took) {
  impl_->group_size.Observe(static_cast<double>(works));
  impl_->commit_time.Observe(took);
}

void Metrics::OnWait(Micros waited) { impl_->store_wait.Observe(waited); }

void Metrics::OnStored(std::span<const event::RecordView> records) {
  std::size_t bytes = 0;
  for (const auto& record : records) bytes += record.json.size();
  impl_->events.Increment(static_cast<double>(records.size()));
  impl_->event_bytes.Increment(static_cast<double>(bytes));
  impl_->ObserveAges(impl_->commit_lag,
                     std::views::transform(records, &event::RecordView::created_at));
}

void Metrics::OnCreated() { impl_->created.Increment(); }

void Metrics::OnClaimed(Micros waited) {
  impl_->run_wait.Observe(static_cast<double>(waited.count()) / 1e6);
}

void Metrics::OnEnded(store::RunStatus status) {
  const auto* const found = std::ranges::find(kEnds, status);
  if (found != kEnds.end())
    impl_->ended[static_cast<std::size_t>(found - kEnds.begin())]->Increment();
}

void Metrics::OnDelivered(api::ReadWay way, std::span<const WallTime> read_at) {
  if (way == api::ReadWay::kPoll) return;
  impl_->ObserveAges(impl_->delivery_lag[static_cast<std::size_t>(way) - 1], read_at);
}

}  // namespace vm0::metrics
