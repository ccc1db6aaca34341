// SPDX-License-Identifier: Apache-2.0
// The main of os_test: runs the tests, or is the other process that one of them needs.
#include <gtest/gtest.h>

#include <string_view>

#include "os/file.h"

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "write-file") {
    return vm0::os::WriteFileAtomic(argv[2], "new") ? 0 : 1;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
