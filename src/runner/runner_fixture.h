// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runner/run_files.h"
#include "runner/test_world.h"

namespace vm0::runner {

// A world in which runs were claimed before, and words for what becomes of them.
struct RunnerFixture : TestWorld {
  TestRun Running(int attempt, bool started) {
    TestRun run = MakeRun();
    run.pending = false;
    run.attempt = attempt;
    run.started = started;
    return run;
  }
  bool Ended(const std::string& id) { return server->run(id).end.has_value(); }
  void UntilForgotten(const std::string& id) {
    Until([&] { return !HasSpec(dir(id)); });
  }
  std::string Reason(const std::string& id) {
    if (!Ended(id)) return "(it has not ended)";
    return std::string(StringMember(*server->run(id).end, "reason").value_or(""));
  }
};

}  // namespace vm0::runner
