// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "run/runs.h"

// What is said at a run's end. docs/protocol.md 4.
namespace vm0::api {

inline constexpr std::size_t kMaxOutputBytes = 256 << 10;
inline constexpr std::size_t kMaxReasonBytes = 64 << 10;

// A supervisor's or burier's: {"v":1,"lastSequence","status",…}.
Result<run::Completion> ParseCompletion(const json::object& body);
// An outsider's: {"runId","exitCode","error"?}.
Result<run::Completion> ParseOutsiderCompletion(const json::object& body);

}  // namespace vm0::api
