// SPDX-License-Identifier: Apache-2.0
#include "cli/run_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace vm0::cli {
namespace {

const WallTime kNow{Micros{1'763'625'600'000'000}};  // 2025-11-20T08:00:00Z

TEST(RunTable, ColumnsAlignByCharacters) {
  EXPECT_EQ(FormatTable({{"A", "B"}, {"\xc3\xa4\xc3\xb6\xc3\xbc", "x"}, {"", "yy"}}),
            "A    B\n\xc3\xa4\xc3\xb6\xc3\xbc  x\n     yy\n");
}

TEST(RunTable, AnAgentCanNotWriteToTheTerminal) {
  const std::string table = FormatTable({{"a\nb\x1b[31m", "x"}});
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::ranges::count(table, '\n'), 1);
}

TEST(RunTable, AgesAreShort) {
  EXPECT_EQ(FormatAge("2025-11-20T07:59:18.000Z", kNow), "42s ago");
  EXPECT_EQ(FormatAge("2025-11-20T07:58:00.000Z", kNow), "2m ago");
  EXPECT_EQ(FormatAge("2025-11-20T05:00:00.000Z", kNow), "3h ago");
  EXPECT_EQ(FormatAge("2025-11-10T08:00:00.000Z", kNow), "10d ago");
  EXPECT_EQ(FormatAge("2025-11-20T08:00:09.000Z", kNow), "0s ago");
  EXPECT_EQ(FormatAge("soon", kNow), "soon");
}

TEST(RunTable, TellsSilenceFromDeath) {
  const auto status = [](const std::string& activity) {
    const auto runs = ParseJson(R"([{"status":"running","activity":)" + activity + "}]");
    const std::string table = FormatRuns(runs->get_array(), kNow);
    const auto start = table.find("running");
    return table.substr(start, table.find("  ", start) - start);
  };
  const auto activity = [](const std::string& text) {
    return FormatActivity(ParseJson(text)->get_object(), kNow);
  };
  const std::string works =
      R"({"supervisor":"alive","lastHeardAt":"2025-11-20T07:59:55.000Z","lastEventAt":"2025-11-20T07:59:50.000Z"})";
  EXPECT_EQ(status(works), "running");
  EXPECT_EQ(activity(works), "last event 10s ago, supervisor heard of 5s ago");
  const std::string silent =
      R"({"supervisor":"alive","lastHeardAt":"2025-11-20T07:59:55.000Z","lastEventAt":"2025-11-20T07:48:00.000Z"})";
  EXPECT_EQ(status(silent), "running, silent for 12m");
  EXPECT_EQ(activity(silent), "last event 12m ago, supervisor heard of 5s ago");
  const std::string dead =
      R"({"supervisor":"unheard","lastHeardAt":"2025-11-20T07:57:00.000Z","lastEventAt":"2025-11-20T07:48:00.000Z"})";
  EXPECT_EQ(status(dead), "running, supervisor not heard of for 3m");
  EXPECT_EQ(activity(dead), "last event 12m ago, supervisor not heard of for 3m");
  EXPECT_EQ(status(R"({"supervisor":"unheard"})"),
            "running, supervisor not heard of since the server started");
  EXPECT_EQ(status(R"({"supervisor":"unknown"})"), "running");
  EXPECT_EQ(activity(R"({"supervisor":"unknown"})"), "no event yet, the server has just started");
  const std::string full =
      R"({"supervisor":"alive","lastHeardAt":"2025-11-20T07:59:55.000Z","waitsForDiskSeconds":130})";
  EXPECT_EQ(status(full), "running, waits for a full disk");
  EXPECT_EQ(
      activity(full),
      "no event yet, supervisor heard of 5s ago, waits for room on a disk that is full, 2m by "
      "now");
}

TEST(RunTable, ShowsRunsNewestAsTheServerOrdersThem) {
  const auto runs = ParseJson(
      R"([{"id":"i-1","agentName":"a","status":"running","createdAt":"2025-11-20T07:59:00.000Z",)"
      R"("prompt":"line\nbreak"},{"id":"i-2"},7])");
  EXPECT_EQ(FormatRuns(runs->get_array(), kNow),
            "ID   AGENT  STATUS   CREATED  PROMPT\n"
            "i-1  a      running  1m ago   line\xe2\x90\x8a"
            "break\n"
            "i-2                           \n");
}

TEST(RunTable, ShowsThePlaceOfARunThatWaits) {
  const auto runs = ParseJson(R"([{"id":"i","status":"pending","queuePosition":12}])");
  EXPECT_THAT(FormatRuns(runs->get_array(), kNow), testing::HasSubstr("  pending (12th)  "));
}

TEST(RunTable, SaysThatARunWasPruned) {
  const auto status = [](const std::string& pruned) {
    const auto runs = ParseJson(R"([{"id":"i","status":"failed","pruned":)" + pruned + "}]");
    return FormatRuns(runs->get_array(), kNow);
  };
  const std::string partly = R"({"lastSequence":500})";
  const std::string whole = R"({"lastSequence":900,"at":"2025-11-20T07:00:00.000Z"})";
  EXPECT_THAT(status(partly), testing::HasSubstr("  failed, partly pruned  "));
  EXPECT_THAT(status(whole), testing::HasSubstr("  failed, pruned  "));
  EXPECT_EQ(FormatPruned(ParseJson(partly)->get_object(), kNow),
            "its directory and events up to 500; `vm0 prune` goes on with it");
  EXPECT_EQ(FormatPruned(ParseJson(whole)->get_object(), kNow),
            "its directory and all of its 900 events, 1h ago");
}

TEST(RunTable, OrdinalsAreEnglish) {
  const std::pair<int, const char*> cases[] = {
      {1, "1st"},   {2, "2nd"},   {3, "3rd"},   {4, "4th"},     {11, "11th"},
      {12, "12th"}, {13, "13th"}, {21, "21st"}, {102, "102nd"}, {113, "113th"}};
  for (const auto& [number, text] : cases) EXPECT_EQ(FormatOrdinal(number), text);
}

}  // namespace
}  // namespace vm0::cli
