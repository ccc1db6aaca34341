// SPDX-License-Identifier: Apache-2.0
#include "event/checksum.h"

#include <gtest/gtest.h>

#include <string>

namespace vm0::event {
namespace {

TEST(RecordChecksum, IsSipHash24WithTheRunAsItsKey) {
  // Vectors of the SipHash paper: key 00 01 … 0f, messages of 0 and 15 bytes 00 01 ….
  Uuid run;
  for (std::size_t i = 0; i < run.bytes.size(); ++i) run.bytes[i] = static_cast<std::uint8_t>(i);
  std::string message;
  EXPECT_EQ(static_cast<std::uint64_t>(RecordChecksum(run, message)), 0x726fdb47dd0e0e31U);
  for (char c = 0; c < 15; ++c) message += c;
  EXPECT_EQ(static_cast<std::uint64_t>(RecordChecksum(run, message)), 0xa129ca6149be45e5U);
}

}  // namespace
}  // namespace vm0::event
