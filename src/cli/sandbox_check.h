// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <utility>

#include "agent/limits.h"
#include "base/result.h"

namespace vm0::cli {

// What this machine's sandboxes can hold a run to: the server's api::SandboxLookup. A driver is
// tried once (its preflight) before it is offered, at the first question for it; after a failure
// again at each later one, so that no restart is needed when the remedy was applied. Blocks for
// some milliseconds then.
class SandboxCheck {
 public:
  SandboxCheck() = default;
  // `cloud`: whether runs can go to sandboxes elsewhere, else why not and what to do.
  explicit SandboxCheck(Status cloud) : cloud_(std::move(cloud)) {}
  // A copy would not know what has passed.
  SandboxCheck(const SandboxCheck&) = delete;
  SandboxCheck& operator=(const SandboxCheck&) = delete;

  Result<agent::Enforceable> Find(const std::string& sandbox);

 private:
  std::set<std::string> passed_;
  Status cloud_ = Fail(Code::kNotFound, "this server has no sandbox elsewhere");
};

}  // namespace vm0::cli
