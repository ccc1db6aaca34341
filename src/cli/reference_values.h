// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/templates.h"
#include "cli/environment.h"
#include "cli/run_options.h"

namespace vm0::cli {

// What we can tell of a config's references and of `--secret NAME`. A value of the command line
// wins over one of our environment, and that over one of the .env file; the server knows the rest,
// or says what is missing.
struct KnownValues {
  agent::ReferenceValues references;
  std::map<std::string, std::string> secrets;  // of options.named_secrets
  std::vector<std::string> stored;             // those of them that only the server may know
  std::vector<std::string> notices;            // from where values come, without them
};
// kBadRequest or kNotFound for a .env file that can't be used; one that nobody named may be absent.
Result<KnownValues> FindValues(const agent::References& references, const RunOptions& options,
                               const Environment& environment);

}  // namespace vm0::cli
