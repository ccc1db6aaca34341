// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

#include "sandbox/launcher.h"
#include "supervisor/supervisor.h"

// The tests start agents, and supervisors, by their own executable, as vm0 does.
int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "launch") == 0) return vm0::sandbox::LauncherMain();
  if (argc > 2 && std::strcmp(argv[1], "supervise") == 0) {
    return vm0::supervisor::SupervisorMain(argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
