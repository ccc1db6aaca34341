// SPDX-License-Identifier: Apache-2.0
#include "cli/version.h"

#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

TEST(Version, NumbersCompareAsNumbers) {
  EXPECT_TRUE(IsNewerVersion("0.10.0", "0.9.1"));
  EXPECT_TRUE(IsNewerVersion("1.0.0", "0.99.99"));
  EXPECT_TRUE(IsNewerVersion("0.1.1", "0.1.0"));
  EXPECT_TRUE(IsNewerVersion("0.2", "0.1.9"));
  EXPECT_FALSE(IsNewerVersion("0.9.1", "0.10.0"));
}

TEST(Version, EqualVersionsAreNotNewer) {
  EXPECT_FALSE(IsNewerVersion("0.1.0", "0.1.0"));
  EXPECT_FALSE(IsNewerVersion("0.1.0-dev", "0.1.0"));
}

TEST(Version, GarbageIsOlder) {
  EXPECT_TRUE(IsNewerVersion("0.1.0", ""));
  EXPECT_TRUE(IsNewerVersion("0.1.0", "x.y"));
  EXPECT_FALSE(IsNewerVersion("", "0.1.0"));
  EXPECT_FALSE(IsNewerVersion("99999999999999999999.1", "0.1.0"));
}

}  // namespace
}  // namespace vm0::cli
