// SPDX-License-Identifier: Apache-2.0
#include "sandbox/bubblewrap_driver.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "sandbox/test_box.h"

namespace vm0::sandbox {
namespace {

TEST(BubblewrapDriver, PassesItsPreflight) {
  const auto status = BubblewrapDriver().Preflight();
  EXPECT_TRUE(status) << status.error().message;
}

}  // namespace
}  // namespace vm0::sandbox
