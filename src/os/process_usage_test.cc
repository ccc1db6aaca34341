// SPDX-License-Identifier: Apache-2.0
#include "os/process_usage.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "os/fd.h"

namespace vm0::os {
namespace {

TEST(ProcessUsage, CountsWhatThisProcessHolds) {
  const ProcessUsage before = ReadProcessUsage();
  EXPECT_GT(before.cpu_seconds, 0);
  EXPECT_GT(before.resident_bytes, std::uint64_t{1} << 20);
  EXPECT_GT(before.open_descriptors, 2u);
  EXPECT_GE(before.most_descriptors, before.open_descriptors);
  const Fd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(ReadProcessUsage().open_descriptors, before.open_descriptors + 1);
}

}  // namespace
}  // namespace vm0::os
