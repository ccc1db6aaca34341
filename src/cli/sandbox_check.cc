// SPDX-License-Identifier: Apache-2.0
#include "cli/sandbox_check.h"

#include "agent/spec.h"
#include "sandbox/sandbox.h"
#include "supervisor/held_limits.h"

namespace vm0::cli {

Result<agent::Enforceable> SandboxCheck::Find(const std::string& sandbox) {
  if (sandbox == agent::kCloudSandbox) {
    VM0_TRY(cloud_);
    return agent::Enforceable{};  // its template decides
  }
  const sandbox::Driver* driver = sandbox::FindDriver(sandbox);
  if (driver == nullptr) return Fail(Code::kNotFound, "this server has no sandbox " + sandbox);
  if (driver->isolates() && !passed_.contains(sandbox)) {
    VM0_TRY(driver->Preflight());
    passed_.insert(sandbox);
  }
  return supervisor::EnforceableBy(*driver);
}

}  // namespace vm0::cli
