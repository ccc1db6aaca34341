// SPDX-License-Identifier: Apache-2.0
#include "cli/top_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace vm0::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const WallTime kNow{Micros{1'763'625'600'000'000}};  // 2025-11-20T08:00:00Z

// Of a server that has run for 50 s.
constexpr std::string_view kFirst =
    "vm0_build_info{version=\"0.1.0\"} 1\n"
    "process_start_time_seconds 1763625550\n"
    "process_cpu_seconds_total 5\n"
    "process_resident_memory_bytes 47185920\nprocess_open_fds 24\nprocess_max_fds 20000\n"
    "vm0_runs{state=\"queued\"} 3\nvm0_runs{state=\"held\"} 1\nvm0_runs{state=\"running\"} 12\n"
    "vm0_runs{state=\"external\"} 2\n"
    "vm0_supervisors{state=\"alive\"} 12\nvm0_supervisors{state=\"unheard\"} 0\n"
    "vm0_supervisors_waiting_for_disk 0\n"
    "vm0_runs_ended_total{status=\"completed\"} 120\nvm0_runs_ended_total{status=\"failed\"} 3\n"
    "vm0_run_queue_wait_seconds_bucket{le=\"0.1\"} 5\n"
    "vm0_run_queue_wait_seconds_bucket{le=\"+Inf\"} 5\n"
    "vm0_events_stored_total 1000\nvm0_spool_backlog_events 7\n"
    "vm0_event_commit_lag_seconds_bucket{le=\"0.0005\"} 500\n"
    "vm0_event_commit_lag_seconds_bucket{le=\"0.001\"} 1000\n"
    "vm0_event_commit_lag_seconds_bucket{le=\"+Inf\"} 1000\n"
    "vm0_event_delivery_lag_seconds_bucket{transport=\"sse\",le=\"1\"} 0\n"
    "vm0_event_delivery_lag_seconds_bucket{transport=\"sse\",le=\"2.5\"} 10\n"
    "vm0_event_delivery_lag_seconds_bucket{transport=\"sse\",le=\"+Inf\"} 10\n"
    "vm0_readers{transport=\"sse\"} 3\nvm0_readers{transport=\"websocket\"} 1\n"
    "vm0_readers{transport=\"long_poll\"} 2\n"
    "vm0_event_requests_total{transport=\"poll\"} 6\n"
    "vm0_event_requests_total{transport=\"long_poll\"} 4\n"
    "vm0_event_requests_total{transport=\"sse\"} 90\n"
    "vm0_empty_polls_total{transport=\"poll\"} 4\n"
    "vm0_store_commit_writes_count 200\nvm0_store_commit_writes_sum 500\n"
    "vm0_store_commit_seconds_bucket{le=\"0.001\"} 200\n"
    "vm0_store_commit_seconds_bucket{le=\"+Inf\"} 200\n"
    "vm0_store_queue_writes 1\n";

// Ten seconds later in which there were 50 events, and nobody read.
const std::string kLater =
    "process_start_time_seconds 1763625550\nprocess_cpu_seconds_total 7.5\n"
    "vm0_supervisors{state=\"unheard\"} 2\nvm0_supervisors_waiting_for_disk 1\n"
    "vm0_events_stored_total 1050\n"
    "vm0_event_commit_lag_seconds_bucket{le=\"0.0005\"} 500\n"
    "vm0_event_commit_lag_seconds_bucket{le=\"0.001\"} 1000\n"
    "vm0_event_commit_lag_seconds_bucket{le=\"+Inf\"} 1050\n"
    "vm0_event_delivery_lag_seconds_bucket{transport=\"sse\",le=\"+Inf\"} 10\n"
    "vm0_event_requests_total{transport=\"poll\"} 6\n"
    "vm0_event_requests_total{transport=\"long_poll\"} 4\n";

struct TopFrame : testing::Test {
  std::vector<std::string> Lines(std::optional<TopSize> size = std::nullopt,
                                 term::Colour colour = term::Colour::kOff) const {
    return FormatTop({.server = "http://127.0.0.1:8400",
                      .now = before ? later : first,
                      .before = before,
                      .span = Seconds(10),
                      .runs = runs,
                      .time = kNow,
                      .problem = problem},
                     size, colour);
  }

  const client::MetricsText first = client::MetricsText::Parse(kFirst).value();
  const client::MetricsText later = client::MetricsText::Parse(kLater).value();
  const client::MetricsText* before = nullptr;
  json::array runs;
  std::string problem;
};

TEST_F(TopFrame, ShowsAllSinceTheServersStart) {
  EXPECT_THAT(Lines(),
              ElementsAre("vm0 0.1.0 at http://127.0.0.1:8400, up 50s",
                          "runs       3 queued, 1 held, 12 running, 2 external",
                          "ended      120 completed, 3 failed, 0 timeout, 0 cancelled",
                          "queue      wait p50 50.0ms, p99 99.0ms",
                          "events     20/s, 1000 in all, 7 wait in spools",
                          "committed  p50 500µs, p99 990µs",
                          "delivered  sse p50 1.8s, p99 2.5s; websocket -; long_poll -",
                          "readers    3 sse, 1 websocket, 2 long_poll; 10 polls, 40% empty",
                          "commits    4.0/s, p50 500µs, p99 990µs, 2.5 writes each, 1 waiting",
                          "server     10% CPU, 45 MiB, 24 of 20000 descriptors"));
}

TEST_F(TopFrame, ShowsWhatCameSinceAnEarlierSight) {
  before = &first;
  const auto lines = Lines();
  EXPECT_EQ(lines[1],
            "runs       0 queued, 0 held, 0 running, 0 external; 2 not heard of; "
            "1 wait for a full disk");
  EXPECT_EQ(lines[4], "events     5.0/s, 1050 in all, 0 wait in spools");
  EXPECT_EQ(lines[5], "committed  p50 1.0ms, p99 1.0ms");
  EXPECT_EQ(lines[6], "delivered  sse -; websocket -; long_poll -");
  EXPECT_EQ(lines[7], "readers    0 sse, 0 websocket, 0 long_poll; no polls");
  EXPECT_THAT(lines[9], HasSubstr(" 25% CPU"));
}

json::array SomeRuns() {
  return ParseJson(R"([
      {"id":"01","agentName":"tester","status":"pending","queuePosition":2,
       "createdAt":"2025-11-20T07:59:18.000Z"},
      {"id":"02","agentName":"a\u001b[2J\nb","status":"running","lastSequence":1234,
       "activity":{"supervisor":"alive","lastHeardAt":"2025-11-20T07:59:55.000Z",
                   "lastEventAt":"2025-11-20T07:59:50.000Z"}},
      {"id":"03","agentName":"third","status":"running","lastSequence":0,
       "createdAt":"2025-11-20T07:59:18.000Z"},7])")
      ->get_array();
}

TEST_F(TopFrame, ListsRunsHarmlessly) {
  runs = SomeRuns();
  auto lines = Lines();
  lines.erase(lines.begin(), lines.begin() + 10);
  EXPECT_THAT(lines,
              ElementsAre("", "ID  AGENT    STATE          EVENTS  ACTIVITY",
                          "01  tester   pending (2nd)          created 42s ago",
                          "02  a␛[2J␊b  running        1234    last event 10s ago, supervisor "
                          "heard of 5s ago",
                          "03  third    running        0       created 42s ago"));
}

TEST_F(TopFrame, FitsTheTerminal) {
  runs = SomeRuns();
  const auto lines = Lines(TopSize{.columns = 20, .rows = 14});
  ASSERT_EQ(lines.size(), 14u);
  EXPECT_EQ(lines[0], "vm0 0.1.0 at http://");
  EXPECT_EQ(lines[1], "runs       3 queued,");
  EXPECT_EQ(lines[12], "01  tester   pending");
  EXPECT_EQ(lines[13], "and 2 more");
  EXPECT_EQ(Lines(TopSize{.columns = 200, .rows = 15}).back().substr(0, 2), "03");
  for (std::size_t rows = 1; rows < 14; ++rows)
    EXPECT_EQ(Lines(TopSize{.columns = 5, .rows = rows}).size(), rows);
}

TEST_F(TopFrame, SaysWhyItIsOld) {
  problem = "connect: Connection refused\x1b[31m";
  const auto lines = Lines(TopSize{.columns = 30, .rows = 24});
  EXPECT_EQ(lines[1], "connect: Connection refused␛[3");
  EXPECT_THAT(lines[2], HasSubstr("runs"));
}

TEST_F(TopFrame, ColoursAreForTerminals) {
  EXPECT_EQ(Lines({}, term::Colour::kOn)[0],
            "\x1b[1mvm0 0.1.0 at http://127.0.0.1:8400, up 50s\x1b[22m");
  EXPECT_EQ(Join(Lines(), "").find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace vm0::cli
