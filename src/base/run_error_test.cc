// SPDX-License-Identifier: Apache-2.0
#include "base/run_error.h"

#include <gtest/gtest.h>

#include <set>

namespace vm0 {
namespace {

constexpr RunError kAll[] = {
#define X(enumerator, name, status, what, remedy) RunError::enumerator,
    VM0_RUN_ERROR_TABLE(X)
#undef X
};

TEST(RunError, SaysWhatHappenedAndWhatToDo) {
  EXPECT_EQ(Describe(RunError::kTimeout, "30m"),
            "the run took longer than its timeout of 30m; give it more with --timeout or "
            "limits.timeout");
  EXPECT_EQ(WhatOf(RunError::kTimeout, "30m"), "the run took longer than its timeout of 30m");
  EXPECT_EQ(Describe(RunError::kCancelled), "the run was cancelled");
  EXPECT_EQ(Describe(RunError::kAgentFailed, "API Error: {}"), "API Error: {}");
}

TEST(RunError, EveryEndHasATerminalStatusOtherThanCompleted) {
  const std::set<std::string_view> statuses = {"failed", "timeout", "cancelled"};
  for (const RunError error : kAll) {
    EXPECT_TRUE(statuses.contains(InfoOf(error).status)) << InfoOf(error).name;
    EXPECT_FALSE(Describe(error, "x").empty());
    EXPECT_FALSE(Describe(error, "x").contains("{}")) << InfoOf(error).name;
  }
}

}  // namespace
}  // namespace vm0
