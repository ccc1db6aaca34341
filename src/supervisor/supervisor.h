// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace vm0::supervisor {

// The process `vm0 supervise <run-dir>`: takes the run's lock, asks for `start`, runs the agent,
// numbers and spools what it prints, ships it, obeys cancel and timeouts, kills the tree,
// completes. Outlives server and runner. Returns its exit code: 0 when the end was acknowledged; 3
// when the server disowned it: superseded, ended otherwise, or the token refused for 10 minutes; 4
// when somebody else holds the lock; 1 for everything else (see supervisor.log).
int SupervisorMain(const std::filesystem::path& run_dir);

// The process `vm0 supervise --remote <run-dir>`: the same on a machine that was rented for the
// run, with what its runner has sent. Its log is supervisor.log; standard input and output are for
// the words of hand_over.h.
int RemoteSupervisorMain(const std::filesystem::path& run_dir);

// The process `vm0 supervise --pack <run-dir>`: of a run whose supervisor is dead, makes the
// archive that it did not come to. Returns 0; 4 when somebody holds the lock; 1 when it could not.
int PackMain(const std::filesystem::path& run_dir);

}  // namespace vm0::supervisor
