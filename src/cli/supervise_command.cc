// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/exit.h"
#include "supervisor/supervisor.h"

namespace vm0::cli {

int SuperviseCommand(Context& context) {
  auto arguments = context.arguments;
  auto* main = &supervisor::SupervisorMain;
  if (!arguments.empty() && arguments[0] == "--remote") main = &supervisor::RemoteSupervisorMain;
  if (!arguments.empty() && arguments[0] == "--pack") main = &supervisor::PackMain;
  if (main != &supervisor::SupervisorMain) arguments.erase(arguments.begin());
  if (arguments.size() != 1 || !arguments[0].starts_with('/'))
    return ReportUsage(context.output, "",
                       "vm0 supervise is started by the server, with the "
                       "absolute path of a run's directory");
  return main(arguments[0]);
}

}  // namespace vm0::cli
