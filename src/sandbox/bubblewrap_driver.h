// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// "bubblewrap": what docs/sandbox.md says. The agent has files, processes, users and network of its
// own, made by bwrap(1) in namespaces, below a filter of system calls and Landlock.
//
//   supervisor ─▶ vm0 launch, which becomes bwrap ─▶ first process inside (vm0 again) ─▶ agent
//
// The first process inside ends when the box's control socket does, that is with us, and takes the
// namespace along. It is not made to die with bwrap before bwrap has made the box: a bwrap that is
// killed half-way leaves a child that waits for ever. Whoever finds bwrap killed ends that child:
// the box, or else KillLeftovers.
const Driver& BubblewrapDriver();

// The same with another bwrap; for tests.
std::unique_ptr<Driver> MakeBubblewrapDriver(std::string bwrap);

}  // namespace vm0::sandbox
