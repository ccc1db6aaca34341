// SPDX-License-Identifier: Apache-2.0
#include "agent/limits.h"

#include <gtest/gtest.h>

namespace vm0::agent {
namespace {

using Keys = std::vector<std::string>;

Limits AllNamed() {
  Limits limits;
  limits.memory_bytes = 1 << 30;
  limits.pids = 10;
  limits.cpu = 0.5;
  limits.disk_bytes = 1 << 20;
  limits.files = 1000;
  limits.open_files = 64;
  limits.timeout = Seconds(5);
  limits.idle_timeout = Seconds(6);
  return limits;
}

TEST(LimitsOfARun, ANamedOneThatCantBeHeldIsRefused) {
  const Limits named = AllNamed();
  Enforceable can{true, true, true, true, true};
  EXPECT_TRUE(CheckNamed(named, can, "bubblewrap"));
  for (const auto& [member, key] :
       {std::pair(&Enforceable::memory, "memory"), std::pair(&Enforceable::pids, "pids"),
        std::pair(&Enforceable::cpu, "cpu"), std::pair(&Enforceable::disk, "disk"),
        std::pair(&Enforceable::open_files, "open_files")}) {
    can.*member = false;
    const Status refused = CheckNamed(named, can, "bubblewrap");
    ASSERT_FALSE(refused) << key;
    EXPECT_EQ(refused.error().code, Code::kSandboxUnavailable);
    EXPECT_EQ(refused.error().message,
              "limits." + std::string(key) +
                  " can't be enforced with sandbox bubblewrap on this machine: remove it from the "
                  "config");
    can.*member = true;
  }
  EXPECT_TRUE(CheckNamed({}, {}, "none"));
}

TEST(LimitsOfARun, DefaultsHoldWhereTheyCanAndAreListedWhereTheyCant) {
  const Limits held = HeldLimits({}, {.memory = true, .disk = true});
  EXPECT_EQ(held.memory_bytes, kDefaultMemoryBytes);
  EXPECT_EQ(held.disk_bytes, kDefaultDiskBytes);
  EXPECT_EQ(held.files, kDefaultFiles);
  EXPECT_FALSE(held.pids || held.cpu || held.open_files);
  EXPECT_EQ(held.timeout, kDefaultTimeout);
  EXPECT_EQ(held.idle_timeout, kDefaultIdleTimeout);
  EXPECT_EQ(UnheldDefaults({}, {.memory = true, .disk = true}), (Keys{"pids", "open_files"}));
  EXPECT_EQ(UnheldDefaults({}, {}), (Keys{"memory", "pids", "disk", "files", "open_files"}));
}

TEST(LimitsOfARun, WhatIsNamedWinsOverTheDefault) {
  const Limits held = HeldLimits(AllNamed(), {true, true, true, true, true});
  EXPECT_EQ(held.memory_bytes, 1 << 30);
  EXPECT_EQ(held.pids, 10);
  EXPECT_EQ(held.cpu, 0.5);
  EXPECT_EQ(held.timeout, Seconds(5));
  EXPECT_EQ(UnheldDefaults(AllNamed(), {}), Keys());
  EXPECT_EQ(NamesOf(AllNamed()), (Keys{"memory", "pids", "cpu", "disk", "files", "open_files",
                                       "timeout", "idle_timeout"}));
  EXPECT_EQ(NamesOf({}), Keys());
}

TEST(FormatBytes, IsReadable) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(1610612736), "1.5 GiB");
  EXPECT_EQ(FormatBytes(4LL << 30), "4.0 GiB");
  EXPECT_EQ(FormatBytes(5000LL << 40), "5000.0 TiB");
}

TEST(FormatLimit, HidesADecimalThatSaysNothing) {
  EXPECT_EQ(FormatLimit(4LL << 30), "4 GiB");
  EXPECT_EQ(FormatLimit(96 << 20), "96 MiB");
  EXPECT_EQ(FormatLimit(10'000'000'000), "9.3 GiB");
  EXPECT_EQ(FormatLimit((4LL << 30) + 1), "4.0 GiB");
  EXPECT_EQ(FormatLimit(512), "512 B");
  EXPECT_EQ(FormatLimit(2LL << 40), "2 TiB");
}

}  // namespace
}  // namespace vm0::agent
