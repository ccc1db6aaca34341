// SPDX-License-Identifier: Apache-2.0
#include "event/event.h"

#include <gtest/gtest.h>

namespace vm0::event {
namespace {

TEST(Source, IsFoundAgainByItsName) {
  const std::pair<Source, std::string_view> names[] = {{Source::kAgent, "agent"},
                                                       {Source::kStdout, "stdout"},
                                                       {Source::kStderr, "stderr"},
                                                       {Source::kVm0, "vm0"}};
  for (const auto& [source, name] : names) {
    EXPECT_EQ(NameOf(source), name);
    EXPECT_EQ(FindSource(name), source);
  }
}

TEST(Source, OtherNamesAreNotFound) {
  for (const std::string_view name : {"", "Agent", "agent ", "stdin", "vm", "vm00"}) {
    EXPECT_EQ(FindSource(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace vm0::event
