// SPDX-License-Identifier: Apache-2.0
#include "cli/program_output.h"

#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

Result<std::string> Shell(const std::string& script, Millis patience = Seconds(60)) {
  return FirstLineOf("/bin/sh", {"-c", script}, {{"PATH", "/usr/bin:/bin"}}, patience);
}

TEST(ProgramOutput, GivesTheFirstLine) {
  EXPECT_EQ(*Shell("echo ' 1.2.3 '; echo more"), "1.2.3");
  EXPECT_EQ(*Shell("printf 'no line break'"), "no line break");
  EXPECT_EQ(*Shell("exit 3"), "");
  EXPECT_EQ(Shell("yes | tr -d '\\n'")->size() > 1000, true);
}

TEST(ProgramOutput, DoesNotWaitForWhatGoesOn) {
  EXPECT_EQ(*Shell("echo first; exec sleep 1000"), "first");
}

TEST(ProgramOutput, KillsAProgramThatIsSilent) {
  const auto line = Shell("exec sleep 1000", Millis(1));
  ASSERT_FALSE(line.has_value());
  EXPECT_EQ(line.error().code, Code::kDeadline);
}

TEST(ProgramOutput, SaysWhenThereIsNoProgram) {
  EXPECT_FALSE(FirstLineOf("/nowhere/vm0", {}, {}, Seconds(1)));
}

}  // namespace
}  // namespace vm0::cli
