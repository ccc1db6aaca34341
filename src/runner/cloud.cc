// SPDX-License-Identifier: Apache-2.0
#include "runner/cloud.h"

namespace vm0::runner {
namespace {

constexpr const char* kMachine = "vm0Machine";
constexpr const char* kRun = "vm0Run";
constexpr const char* kAttempt = "vm0Attempt";

}  // namespace

e2b::Metadata MetadataOf(const std::string& machine) { return {{kMachine, machine}}; }

e2b::Metadata MetadataOf(const std::string& machine, const std::string& run_id, int attempt) {
  return {{kMachine, machine}, {kRun, run_id}, {kAttempt, std::to_string(attempt)}};
}

std::string RunOf(const e2b::ListedSandbox& sandbox) {
  const auto found = sandbox.metadata.find(kRun);
  return found == sandbox.metadata.end() ? "" : found->second;
}

std::string RunDirThere(const std::string& run_id) { return "/vm0/" + run_id; }

}  // namespace vm0::runner
