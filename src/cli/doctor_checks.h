// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/environment.h"

namespace vm0::cli {

// One line of `vm0 doctor`.
struct Finding {
  enum class Kind {
    kGood,
    kNote,       // works, but should be known
    kBad,        // vm0 can not work like this
    kNoSandbox,  // agents can not be isolated as asked
  };
  Kind kind = Kind::kGood;
  std::string text;
};

// Looks at everything that vm0 needs on this machine. Changes nothing but for a probe file in the
// data directory; starts no server. Values of credentials are not shown.
std::vector<Finding> Diagnose(const std::filesystem::path& data_dir,
                              const Environment& environment);

}  // namespace vm0::cli
