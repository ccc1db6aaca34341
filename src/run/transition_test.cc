// SPDX-License-Identifier: Apache-2.0
#include "run/transition.h"

#include <gtest/gtest.h>

#include <set>

namespace vm0::run {
namespace {

using enum store::RunStatus;

TEST(Transition, AllowsTheEightThatThereAreAndNoOther) {
  const std::set<std::pair<store::RunStatus, store::RunStatus>> allowed = {
      {kPending, kRunning}, {kPending, kCancelled}, {kPending, kFailed},    {kRunning, kCompleted},
      {kRunning, kFailed},  {kRunning, kTimeout},   {kRunning, kCancelled}, {kRunning, kPending},
  };
  for (const auto from : {kPending, kRunning, kCompleted, kFailed, kTimeout, kCancelled}) {
    for (const auto to : {kPending, kRunning, kCompleted, kFailed, kTimeout, kCancelled}) {
      store::Run run;
      run.status = from;
      const Status status = Transition(run, to);
      EXPECT_EQ(status.has_value(), allowed.contains({from, to}))
          << store::NameOf(from) << " to " << store::NameOf(to);
      EXPECT_EQ(run.status, status ? to : from);
      EXPECT_TRUE(status || status.error().code == Code::kConflict);
    }
  }
}

}  // namespace
}  // namespace vm0::run
