// SPDX-License-Identifier: Apache-2.0
#include "cli/parse_arguments.h"

#include "cli/exit.h"

namespace vm0::cli {

std::optional<int> ParseArguments(ArgumentParser& parser, std::string_view command,
                                  Context& context) {
  const auto help = parser.Parse(context.arguments);
  if (!help) return ReportUsage(context.output, command, help.error().message);
  if (!*help) return std::nullopt;
  return ExitOfPrinting(context.output, context.output.out.Print(parser.Help()));
}

}  // namespace vm0::cli
