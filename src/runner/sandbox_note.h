// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "e2b/control_plane.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// The sandbox in the cloud that an attempt of a run has: runs/<id>/sandbox.json, durable before
// anything is started in it. A sandbox of ours that no note names is nobody's.
struct SandboxNote {
  enum class State {
    kMade,       // nothing was started in it
    kLaunched,   // its supervisor may have been started
    kCollected,  // and has ended; what it left is in the run's directory
    kGone,       // E2B does not have it any more: nothing could be collected
  };
  int attempt = 0;
  e2b::Sandbox sandbox;
  State state = State::kMade;
  bool has_workspace = false;  // the agent's workspace is in the run's directory

  // Something may live in it.
  bool is_open() const { return state == State::kMade || state == State::kLaunched; }
};

std::filesystem::path SandboxNotePath(const supervisor::RunDir& dir);
// nullopt when there is none; kIo for one that can't be understood. Both block.
Result<std::optional<SandboxNote>> ReadSandboxNote(const supervisor::RunDir& dir);
Status WriteSandboxNote(const supervisor::RunDir& dir, const SandboxNote& note);

}  // namespace vm0::runner
