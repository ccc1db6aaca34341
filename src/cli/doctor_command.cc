// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/doctor_checks.h"
#include "cli/exit.h"
#include "cli/parse_arguments.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

std::string MarkOf(const Stream& out, Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kGood:
      return out.Paint("✓", term::Style::kGreen);
    case Finding::Kind::kNote:
      return out.Paint("-", term::Style::kYellow);
    case Finding::Kind::kBad:
    case Finding::Kind::kNoSandbox:
      return out.Paint("✗", term::Style::kRed);
  }
  return "";
}

int ExitOfFindings(const std::vector<Finding>& findings) {
  int exit_code = kExitOk;
  for (const Finding& finding : findings) {
    if (finding.kind == Finding::Kind::kBad) return static_cast<int>(ExitCode::kFailed);
    if (finding.kind == Finding::Kind::kNoSandbox) exit_code = ExitOf(Code::kSandboxUnavailable);
  }
  return exit_code;
}

}  // namespace

int DoctorCommand(Context& context) {
  std::optional<std::string> data_dir_option;
  ArgumentParser parser("doctor", "Check whether this machine can run agents");
  parser.Text("--data-dir", data_dir_option, "DIR", "The server's data directory");
  if (const auto exit_code = ParseArguments(parser, "doctor", context)) return *exit_code;
  const auto data_dir = DataDir(data_dir_option, context.environment);
  if (!data_dir) return ReportUsage(context.output, "doctor", data_dir.error().message);
  const auto findings = Diagnose(*data_dir, context.environment);
  Stream& out = context.output.out;
  std::string text;
  for (const Finding& finding : findings)
    text += MarkOf(out, finding.kind) + " " + term::SanitizeLine(finding.text) + "\n";
  const Status printed = out.Print(text);
  return printed ? ExitOfFindings(findings) : ExitOfPrinting(context.output, printed);
}

}  // namespace vm0::cli
