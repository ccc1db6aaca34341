// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/parse_arguments.h"
#include "cli/version.h"

namespace vm0::cli {

int VersionCommand(Context& context) {
  ArgumentParser parser("version", "Print the version");
  if (const auto exit_code = ParseArguments(parser, "version", context)) return *exit_code;
  const Status printed = context.output.out.Print("vm0 " + std::string(kVersion) + "\n");
  return ExitOfPrinting(context.output, printed);
}

}  // namespace vm0::cli
