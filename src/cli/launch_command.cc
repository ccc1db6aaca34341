// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/exit.h"
#include "sandbox/launcher.h"

namespace vm0::cli {

int LaunchCommand(Context& context) {
  if (!context.arguments.empty())
    return ReportUsage(context.output, "",
                       "vm0 launch is started by supervisors, without arguments");
  return sandbox::LauncherMain();
}

}  // namespace vm0::cli
