// SPDX-License-Identifier: Apache-2.0
#include "metrics/families.h"

#include <string>

#include "os/process_usage.h"

namespace vm0::metrics {
namespace {

template <class T>
double Real(T number) {
  return static_cast<double>(number);
}

void AddRequests(Exposition& out, const api::RequestCounts& counts) {
  out.Counter("vm0_http_requests_total",
              "Requests that were answered, by group of routes and class of status.");
  for (const auto group : api::kRouteGroups) {
    const auto& answers = counts.answers[static_cast<std::size_t>(group)];
    for (std::size_t digit = 2; digit < answers.size(); ++digit) {
      const std::string status = std::to_string(digit) + "xx";
      out.Add({{"routes", NameOf(group)}, {"status", status}}, Real(answers[digit]));
    }
  }
  out.Counter("vm0_event_requests_total", "Requests for a run's events, by transport.");
  for (const auto way : api::kReadWays)
    out.Add("transport", NameOf(way), Real(counts.reads[static_cast<std::size_t>(way)]));
  out.Counter("vm0_empty_polls_total", "Those of them that were answered without an event.");
  for (const auto way : {api::ReadWay::kPoll, api::ReadWay::kLongPoll})
    out.Add("transport", NameOf(way), Real(counts.empty[static_cast<std::size_t>(way)]));
}

void AddReaders(Exposition& out, const Metrics::Sources& sources) {
  const api::Readers readers = sources.api.readers();
  out.Gauge("vm0_readers", "Readers that wait for events now, by transport.")
      .Add("transport", NameOf(api::ReadWay::kLongPoll), Real(readers.long_poll))
      .Add("transport", NameOf(api::ReadWay::kSse), Real(readers.sse))
      .Add("transport", NameOf(api::ReadWay::kWebSocket), Real(readers.web_socket));
  const http::ServerCounts& counts = sources.http.counts();
  out.Counter("vm0_streams_cut_total",
              "Streams that were cut: their peers did not read (stalled), or were gone (lost).")
      .Add("reason", "stalled", Real(counts.stalled))
      .Add("reason", "lost", Real(counts.lost));
  out.Counter("vm0_http_refused_total",
              "Requests that no route saw: malformed, too large, or one connection too many.")
      .Add(Real(counts.refused));
  out.Gauge("vm0_http_connections", "Open connections, streams not counted.")
      .Add(Real(sources.http.open_connections()));
  out.Gauge("vm0_http_streams", "Open streams: of readers, and of supervisors.")
      .Add(Real(sources.http.open_streams()));
  out.Gauge("vm0_feed_tail_bytes", "Newest events that are kept in memory.")
      .Add(Real(sources.feed.tail_bytes()));
}

void AddStore(Exposition& out, const store::Database& database) {
  const auto stats = database.stats();
  out.Gauge("vm0_store_queue_writes", "Writes that wait or are being committed now.")
      .Add(Real(stats.pending));
  out.Counter("vm0_store_commits_total", "Transactions, by the thread that committed them.")
      .Add("thread", "loop", Real(stats.inline_commits))
      .Add("thread", "committer", Real(stats.commits - stats.inline_commits));
}

void AddRuns(Exposition& out, store::Database& database, const api::Supervisors& supervisors) {
  if (const auto live = database.reader().runs.CountLive()) {
    out.Gauge("vm0_runs", "Runs that have not ended, by state.")
        .Add("state", "queued", Real(live->queued))
        .Add("state", "held", Real(live->held))
        .Add("state", "running", Real(live->running))
        .Add("state", "external", Real(live->external));
  }
  out.Gauge("vm0_supervisors", "Supervisors of live runs, by whether they were heard of lately.")
      .Add("state", "alive", Real(supervisors.alive))
      .Add("state", "unheard", Real(supervisors.unheard));
  out.Gauge("vm0_supervisors_waiting_for_disk", "Those whose spool is on a full disk.")
      .Add(Real(supervisors.waiting_for_disk));
  out.Gauge("vm0_spool_backlog_events",
            "Events in spools that were not stored yet at their supervisors' last heartbeats.")
      .Add(Real(supervisors.backlog));
}

void AddProcess(Exposition& out, const ServerFacts& server) {
  const os::ProcessUsage usage = os::ReadProcessUsage();
  out.Gauge("vm0_build_info", "1; the version is its label.").Add("version", server.version, 1);
  out.Gauge("process_start_time_seconds", "When the server started, in seconds since 1970.")
      .Add(Real(server.started_at.time_since_epoch().count()) / 1e6);
  out.Counter("process_cpu_seconds_total", "CPU time that the server has used.")
      .Add(usage.cpu_seconds);
  out.Gauge("process_resident_memory_bytes", "Memory of the server that is in RAM.")
      .Add(Real(usage.resident_bytes));
  out.Gauge("process_open_fds", "Open file descriptors.").Add(Real(usage.open_descriptors));
  out.Gauge("process_max_fds", "How many there may be.").Add(Real(usage.most_descriptors));
}

}  // namespace

void WriteFamilies(Exposition& out, const Metrics::Sources& sources, const ServerFacts& server) {
  AddRequests(out, sources.api.counts());
  AddReaders(out, sources);
  AddStore(out, sources.database);
  AddRuns(out, sources.database, sources.api.supervisors());
  AddProcess(out, server);
}

}  // namespace vm0::metrics
