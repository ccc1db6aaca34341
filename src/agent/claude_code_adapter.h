// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/adapter.h"

namespace vm0::agent {

// "claude-code": Claude Code, one prompt per process, its events as stream-json on stdout.
// Checked with 2.0.45 and 2.1.330.
const Adapter& ClaudeCodeAdapter();

}  // namespace vm0::agent
