// SPDX-License-Identifier: Apache-2.0
#include "cli/exit.h"

#include "store/types.h"

namespace vm0::cli {
namespace {

// The server's messages begin as our headline.
std::string WithoutHeadline(std::string_view message) {
  constexpr std::string_view kHeadline = "Not authenticated: ";
  if (message.starts_with(kHeadline)) message.remove_prefix(kHeadline.size());
  return std::string(message);
}

constexpr const char* kTokenRemedy =
    "\n  Set VM0_TOKEN to what `vm0 auth token create` prints on the server's machine "
    "(`vm0 auth login` is not in this version)";

}  // namespace

int ExitOf(Code code) { return static_cast<int>(InfoOf(code).exit_code); }

int ExitOfRun(const client::RunState& run) {
  const auto status = store::FindRunStatus(run.status);
  if (!status) return static_cast<int>(ExitCode::kServer);
  switch (*status) {
    case store::RunStatus::kFailed:
      if (run.error_code == InfoOf(Code::kSandboxUnavailable).name)
        return static_cast<int>(ExitCode::kSandboxUnavailable);
      return static_cast<int>(ExitCode::kFailed);
    case store::RunStatus::kTimeout:
      return static_cast<int>(ExitCode::kTimeout);
    case store::RunStatus::kCancelled:
      return kExitCancelled;
    case store::RunStatus::kPending:
    case store::RunStatus::kRunning:
    case store::RunStatus::kCompleted:
      return kExitOk;
  }
  return static_cast<int>(ExitCode::kServer);
}

int ReportError(Output& output, std::string_view headline, const Error& error) {
  if (error.code == Code::kUnauthorized)
    output.SayFailure("Not authenticated", WithoutHeadline(error.message) + kTokenRemedy);
  else
    output.SayFailure(headline, error.message);
  return ExitOf(error.code);
}

int ReportWithHeadline(Output& output, const Error& error) {
  const std::string_view message = error.message;
  const auto line_break = message.find('\n');
  output.SayFailure(message.substr(0, line_break),
                    line_break == std::string_view::npos ? "" : message.substr(line_break + 1));
  return ExitOf(error.code);
}

int ReportAgentError(Output& output, const std::string& agent, const Error& error) {
  if (error.code != Code::kNotFound) return ReportError(output, "Agent lookup failed", error);
  output.SayFailure("Agent not found: " + agent,
                    "Make sure you've built the agent with: vm0 build");
  return ExitOf(error.code);
}

int ReportRunError(Output& output, const std::string& run, std::string_view headline,
                   const Error& error) {
  if (error.code != Code::kNotFound) return ReportError(output, headline, error);
  output.SayFailure("Run not found: " + run);
  return ExitOf(error.code);
}

int ExitOfPrinting(Output& output, const Status& printed) {
  if (printed) return kExitOk;
  if (output.out.closed()) return kExitBrokenPipe;
  return ReportError(output, "Can't write the output", printed.error());
}

int ReportUsage(Output& output, std::string_view command, std::string_view message) {
  output.SayFailure(message, "See: vm0 help" + (command.empty() ? "" : " " + std::string(command)));
  return kExitUsage;
}

}  // namespace vm0::cli
