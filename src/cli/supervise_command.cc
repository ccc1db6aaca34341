// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/exit.h"
#include "supervisor/supervisor.h"

namespace vm0::cli {

int SuperviseCommand(Context& context) {
  if (context.arguments.size() != 1 || !context.arguments[0].starts_with('/'))
    return ReportUsage(context.output, "",
                       "vm0 supervise is started by the server, with the "
                       "absolute path of a run's directory");
  return supervisor::SupervisorMain(context.arguments[0]);
}

}  // namespace vm0::cli
