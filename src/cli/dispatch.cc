// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/commands.h"
#include "cli/exit.h"

namespace vm0::cli {
namespace {

const Command* FindCommand(std::span<const Command> commands, std::string_view name) {
  const auto found = std::ranges::find(commands, name, &Command::name);
  return found == commands.end() ? nullptr : &*found;
}

std::string HelpText(std::span<const Command> commands) {
  std::string text =
      "vm0 runs coding agents in sandboxes and streams every event they emit.\n\n"
      "Usage: vm0 <command> [arguments]\n\nCommands:\n";
  for (const Command& command : commands) {
    if (command.listing == Listing::kHidden) continue;
    std::string name(command.name);
    name.resize(10, ' ');
    text += "  " + name + std::string(command.summary) + "\n";
  }
  text +=
      "\nTry: vm0 run claude-code \"Explain this repository\" -w .\n"
      "`vm0 help <command>` shows a command's options.\n";
  return text;
}

int Help(std::span<const Command> commands, Context& context) {
  if (context.arguments.empty()) {
    return ExitOfPrinting(context.output, context.output.out.Print(HelpText(commands)));
  }
  const Command* command = FindCommand(commands, context.arguments[0]);
  if (!command)
    return ReportUsage(context.output, "", "There is no command \"" + context.arguments[0] + "\"");
  context.arguments = {"--help"};
  return command->main(context);
}

}  // namespace

int Dispatch(std::span<const Command> commands, Context context) {
  auto& arguments = context.arguments;
  if (arguments.empty()) {
    context.output.Say(HelpText(commands));
    return kExitUsage;
  }
  std::string name = arguments.front();
  arguments.erase(arguments.begin());
  if (name == "help" || name == "-h" || name == "--help") return Help(commands, context);
  if (name == "--version" || name == "-V") name = "version";
  if (const Command* command = FindCommand(commands, name)) return command->main(context);
  return ReportUsage(context.output, "", "There is no command \"" + name + "\"");
}

}  // namespace vm0::cli
