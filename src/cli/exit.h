// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/output.h"
#include "client/event_page.h"

namespace vm0::cli {

// What a command's end looks like: the texts of errors and the exit code that goes with them.

inline constexpr int kExitOk = static_cast<int>(ExitCode::kOk);
inline constexpr int kExitUsage = static_cast<int>(ExitCode::kUsage);
inline constexpr int kExitCancelled = static_cast<int>(ExitCode::kCancelled);
// Of `vm0 verify`: no proof, but nothing is wrong: the run has not ended, or was pruned.
inline constexpr int kExitNoProof = 7;
// A reader of stdout went away, as a shell shows SIGPIPE.
inline constexpr int kExitBrokenPipe = 141;

int ExitOf(Code code);
// The exit code of a run that ended like that; of one that did not end: 0.
int ExitOfRun(const client::RunState& run);

// Prints "✗ <headline>" in red and the error's message in gray below it, and gives the exit code.
// An error of authentication has its own headline, and says what to do.
int ReportError(Output& output, std::string_view headline, const Error& error);
// An error whose message is its own "<headline>\n<detail>".
int ReportWithHeadline(Output& output, const Error& error);
// The same as ReportError for an agent or a run that may not exist: "✗ Agent not found: x", "✗ Run
// not found: x".
int ReportAgentError(Output& output, const std::string& agent, const Error& error);
int ReportRunError(Output& output, const std::string& run, std::string_view headline,
                   const Error& error);
// How a command ends that has printed: 0, 141 in silence when nobody reads on, else an error.
int ExitOfPrinting(Output& output, const Status& printed);
// "✗ <message>" and where to read on; exit code 2.
int ReportUsage(Output& output, std::string_view command, std::string_view message);

}  // namespace vm0::cli
