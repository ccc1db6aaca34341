// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>

#include "api/api.h"
#include "feed/feed.h"
#include "http/server.h"
#include "os/clock.h"
#include "run/runs.h"
#include "store/database.h"

namespace vm0::metrics {

// The metrics of a server (docs/metrics.md): histograms that it is told of as it goes, and numbers
// that others keep and that are read when somebody asks. No label is a run, a user or anything else
// that there may be many of. Owned by the server; outlives what it observes. Loop thread only,
// except Now.
class Metrics final : public store::CommitObserver,
                      public feed::Observer,
                      public run::Observer,
                      public api::Observer {
 public:
  // `clock` outlives it.
  Metrics(const os::Clock& clock, std::string version);
  ~Metrics() override;

  // What else is read.
  struct Sources {
    store::Database& database;
    const feed::Feed& feed;
    const api::Api& api;
    const http::Server& http;
  };
  // In the text format of Prometheus, version 0.0.4. What the store does not tell is left out.
  std::string Write(const Sources& sources) const;

  MonoTime Now() const override;
  void OnGroup(std::size_t works, Micros took) override;
  void OnWait(Micros waited) override;
  void OnStored(std::span<const event::RecordView> records) override;
  void OnCreated() override;
  void OnClaimed(Micros waited) override;
  void OnEnded(store::RunStatus status) override;
  void OnDelivered(api::ReadWay way, std::span<const WallTime> read_at) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vm0::metrics
