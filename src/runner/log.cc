// SPDX-License-Identifier: Apache-2.0
#include "runner/log.h"

#include <string>

#include "os/fd.h"

namespace vm0::runner {

void Log(std::string_view run_id, std::string_view what) {
  std::string line = "vm0 runner: ";
  if (!run_id.empty()) line += "run " + std::string(run_id) + ": ";
  line += std::string(what) + "\n";
  // Nobody to tell when stderr is broken.
  (void)os::WriteAll(STDERR_FILENO, line);
}

}  // namespace vm0::runner
