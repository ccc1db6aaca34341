// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/session.h"

namespace vm0::cli {

// The subcommands. Each takes its arguments and gives the exit code of the process.

int RunCommand(Context& context);
int BuildCommand(Context& context);
int LogsCommand(Context& context);
int PsCommand(Context& context);
int TopCommand(Context& context);
int ShowCommand(Context& context);
int VerifyCommand(Context& context);
int CancelCommand(Context& context);
int PruneCommand(Context& context);
int BackupCommand(Context& context);
int RestoreCommand(Context& context);
int ServeCommand(Context& context);
int DoctorCommand(Context& context);
int AuthCommand(Context& context);
int SecretCommand(Context& context);
int VersionCommand(Context& context);
// What servers, runners and supervisors start of themselves.
int SuperviseCommand(Context& context);
int LaunchCommand(Context& context);

enum class Listing { kShown, kHidden };

struct Command {
  std::string_view name;
  std::string_view summary;  // one line of `vm0 help`
  int (*main)(Context& context);
  Listing listing = Listing::kShown;
};

// Runs the command that the arguments name: `vm0 <name> …`, `vm0 help [name]`, -h, --help,
// --version. Gives the exit code; 2 with a pointer to the help for what there is not.
int Dispatch(std::span<const Command> commands, Context context);

}  // namespace vm0::cli
