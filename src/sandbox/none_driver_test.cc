// SPDX-License-Identifier: Apache-2.0
#include "sandbox/none_driver.h"

#include <gtest/gtest.h>

#include "sandbox/test_box.h"

namespace vm0::sandbox {
namespace {

TEST(NoneDriver, NeverRunsAnAgentAsUid0) {
  TestBox box;
  if (::geteuid() == 0) {
    const auto end = box.Run("id -u; id -g; id -G");
    const std::string uid = std::to_string(kTestUid) + "\n";
    EXPECT_EQ(end.out, uid + uid + uid) << end.err;
    for (const auto& uid : {std::optional<uid_t>(), std::optional<uid_t>(0)}) {
      box.spec.run_uid = uid;
      const auto refused = box.Run("id -u");
      ASSERT_FALSE(refused.end);
      EXPECT_EQ(refused.end.error().code, Code::kSandboxUnavailable);
      EXPECT_EQ(refused.out, "");
    }
  } else {
    EXPECT_EQ(box.Run("id -u").out, std::to_string(::getuid()) + "\n");
    box.spec.run_uid = 0;
    EXPECT_FALSE(box.Run("id -u").end);
  }
}

TEST(NoneDriver, ShowsNothingOfTheLauncher) {
  TestBox box;
  box.spec.environment["SECRET"] = "hunter2-hunter2";
  // The first process of the namespace, or the launcher itself: neither has it in argv.
  const auto end = box.Run("tr '\\0' ' ' </proc/$PPID/cmdline");
  EXPECT_EQ(end.out, "vm0 launch ") << end.err;
}

}  // namespace
}  // namespace vm0::sandbox
