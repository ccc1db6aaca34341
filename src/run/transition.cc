// SPDX-License-Identifier: Apache-2.0
#include "run/transition.h"

#include <string>

namespace vm0::run {
namespace {

using enum store::RunStatus;

bool IsAllowed(store::RunStatus from, store::RunStatus to) {
  if (from == kPending) return to == kRunning || to == kCancelled || to == kFailed;
  if (from == kRunning) return store::IsTerminal(to) || to == kPending;
  return false;
}

}  // namespace

Status Transition(store::Run& run, store::RunStatus to) {
  if (!IsAllowed(run.status, to)) {
    return Fail(Code::kConflict, "the run is " + std::string(store::NameOf(run.status)) +
                                     " and can not become " + std::string(store::NameOf(to)));
  }
  run.status = to;
  return {};
}

}  // namespace vm0::run
