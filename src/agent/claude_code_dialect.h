// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/dialect.h"

namespace vm0::agent {

// "claude-code": what `claude -p --verbose --output-format stream-json` prints, versions 2.0.45 and
// 2.1.330 (recordings: testdata/claude-*).
//
// - system: `init` gives Init, `api_retry` and `permission_denied` a Notice, all else nothing.
// - assistant: one event per content block: text, thinking, tool calls; `redacted_thinking` and
//   blocks of unknown type give nothing.
// - user: tool results. Text is Claude Code's own word ("[Request interrupted by user]") and gives
// a
//   Notice; but the first text of a sub-agent is its prompt, which the tool call showed already.
// - stream_event: where texts begin and their pieces. The full texts follow in assistant lines: in
//   2.1.330 each right behind its pieces, in 2.0.45 perhaps behind the pieces of the next one.
// - result: the terminal event. Success needs subtype "success" and no is_error: Claude Code 2.0.45
//   reports too many turns without is_error, and both report API errors as subtype "success".
//   A result with neither (a wrapper script's own) is a Notice and not terminal.
//   A run with background sub-agents prints several results (2.1.330).
const Dialect& ClaudeCodeDialect();

}  // namespace vm0::agent
