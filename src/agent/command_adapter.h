// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/adapter.h"

namespace vm0::agent {

// "command": any program. The config's `command` with the prompt as last argument; the prompt is in
// the variable VM0_PROMPT too. No credentials are asked for. Linux takes no argument or variable
// longer than 128 kB.
const Adapter& CommandAdapter();

}  // namespace vm0::agent
