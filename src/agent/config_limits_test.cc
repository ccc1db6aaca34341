// SPDX-License-Identifier: Apache-2.0
#include "agent/config_limits.h"

#include <gtest/gtest.h>

namespace vm0::agent {
namespace {

Result<Limits> Parse(std::string_view text) { return ParseLimits(ParseJson(text)->as_object()); }

std::string Refusal(std::string_view text) {
  const auto limits = Parse(text);
  if (limits) return "(accepted)";
  EXPECT_EQ(limits.error().code, Code::kBadRequest);
  return limits.error().message;
}

std::int64_t Bytes(std::string_view text) {
  const auto bytes = ParseBytes(text, "f");
  EXPECT_TRUE(bytes) << text;
  return bytes.value_or(-1);
}

TEST(ParseBytes, KnowsDecimalAndBinaryUnits) {
  EXPECT_EQ(Bytes("1024"), 1024);
  EXPECT_EQ(Bytes("0"), 0);
  EXPECT_EQ(Bytes("7B"), 7);
  EXPECT_EQ(Bytes("10GB"), 10'000'000'000);
  EXPECT_EQ(Bytes("512MiB"), 512 << 20);
  EXPECT_EQ(Bytes("4GiB"), std::int64_t{4} << 30);
  EXPECT_EQ(Bytes("2TiB"), std::int64_t{2} << 40);
  EXPECT_EQ(Bytes("3kB"), 3000);
  EXPECT_EQ(Bytes(" 4 gib "), std::int64_t{4} << 30);
}

TEST(ParseBytes, RefusesEverythingElseAndNamesTheField) {
  for (const char* text : {"", "GiB", "-1", "+1", "1.5GiB", "4G", "4 GiB x", "0x10", "1e3", "4GiB4",
                           "99999999999999999999", "1\n2"}) {
    const auto bytes = ParseBytes(text, "agent.limits.memory");
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().message,
              "agent.limits.memory must be a size such as 4GiB, 512MiB, 10GB or 1024 (bytes)")
        << text;
  }
  EXPECT_EQ(ParseBytes("9223372036854775807", "f"), INT64_MAX);
  EXPECT_EQ(ParseBytes("9007199254740993KiB", "f").error().message, "f is too large");
}

TEST(Limits, AreAbsentWhenNotGiven) {
  const auto limits = Parse(R"({"memory":null})");
  ASSERT_TRUE(limits);
  EXPECT_FALSE(limits->memory_bytes || limits->pids || limits->cpu || limits->disk_bytes ||
               limits->timeout || limits->idle_timeout);
}

TEST(Limits, TakeNumbersAndStringsAlike) {
  for (const char* text :
       {R"({"memory":1073741824,"disk":2000000000,"pids":512,"cpu":0.5,"timeout":90,)"
        R"("idle_timeout":60})",
        R"({"memory":"1GiB","disk":"2GB","pids":"512","cpu":"0.5","timeout":"1m30s",)"
        R"("idle_timeout":"60"})"}) {
    const auto limits = Parse(text);
    ASSERT_TRUE(limits) << limits.error().message;
    EXPECT_EQ(limits->memory_bytes, 1 << 30);
    EXPECT_EQ(limits->disk_bytes, 2'000'000'000);
    EXPECT_EQ(limits->pids, 512);
    EXPECT_EQ(limits->cpu, 0.5);
    EXPECT_EQ(limits->timeout, Seconds(90));
    EXPECT_EQ(limits->idle_timeout, Seconds(60));
  }
}

TEST(Limits, RefuseSizesThatMissTheirUnit) {
  EXPECT_EQ(Refusal(R"({"memory":4})"),
            "agent.limits.memory must be at least 1MiB; give a unit, such as 4GiB");
  EXPECT_EQ(Refusal(R"({"disk":"0"})"),
            "agent.limits.disk must be at least 1MiB; give a unit, such as 4GiB");
  EXPECT_EQ(Refusal(R"({"memory":true})"), "agent.limits.memory must be a string or a number");
  EXPECT_EQ(Refusal(R"({"memory":1.5})"),
            "agent.limits.memory must be a size such as 4GiB, 512MiB, 10GB or 1024 (bytes)");
}

TEST(Limits, RefusePidsAndCpuOutOfRange) {
  for (const char* pids : {"0", "-1", "1.5", "4194305", "\"many\"", "\"\""})
    EXPECT_EQ(Refusal(R"({"pids":)" + std::string(pids) + "}"),
              "agent.limits.pids must be a whole number from 1 to 4194304")
        << pids;
  for (const char* cpu : {"0", "-1", "4097", "1e999", "\"two\"", "\"\"", "[]", "true"})
    EXPECT_EQ(Refusal(R"({"cpu":)" + std::string(cpu) + "}"),
              "agent.limits.cpu must be a number of processors from 0.01 to 4096, such as 2 or 0.5")
        << cpu;
}

TEST(Limits, TakeOpenFilesWithinWhatAKernelHas) {
  EXPECT_EQ(Parse(R"({"files":2000000})")->files, 2000000);
  EXPECT_EQ(Refusal(R"({"files":0})"),
            "agent.limits.files must be a whole number from 1 to 1000000000");
  EXPECT_EQ(Parse(R"({"open_files":"16"})")->open_files, 16);
  EXPECT_EQ(Parse(R"({"open_files":1048576})")->open_files, 1048576);
  for (const char* files : {"15", "0", "1048577", "\"all\""})
    EXPECT_EQ(Refusal(R"({"open_files":)" + std::string(files) + "}"),
              "agent.limits.open_files must be a whole number from 16 to 1048576")
        << files;
}

TEST(Limits, KeepTimeoutsBetweenASecondAndAWeek) {
  EXPECT_EQ(Parse(R"({"timeout":"7d"})")->timeout, std::chrono::days(7));
  EXPECT_EQ(Parse(R"({"timeout":1})")->timeout, Seconds(1));
  EXPECT_EQ(Refusal(R"({"timeout":"7d1s"})"), "agent.limits.timeout must be from 1s to 7d");
  EXPECT_EQ(Refusal(R"({"idle_timeout":"8d"})"), "agent.limits.idle_timeout must be from 1s to 7d");
  for (const char* text : {"0", "\"soon\"", "\"\"", "-5", "1.5"})
    EXPECT_TRUE(
        Refusal(R"({"timeout":)" + std::string(text) + "}").starts_with("agent.limits.timeout: "))
        << text;
  EXPECT_EQ(Refusal(R"({"timeout":false})"), "agent.limits.timeout must be a string or a number");
}

}  // namespace
}  // namespace vm0::agent
