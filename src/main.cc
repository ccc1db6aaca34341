// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "cli/commands.h"
#include "os/core_dump.h"
#include "os/name_service.h"

namespace {

using vm0::cli::Command;
using vm0::cli::Listing;

constexpr Command kCommands[] = {
    {"run", "Run an agent and show what it does", vm0::cli::RunCommand},
    {"build", "Store an agent's config on the server", vm0::cli::BuildCommand},
    {"logs", "Show the events of a run", vm0::cli::LogsCommand},
    {"ps", "List runs", vm0::cli::PsCommand},
    {"top", "Watch what the server does", vm0::cli::TopCommand},
    {"show", "Show all there is to know about a run", vm0::cli::ShowCommand},
    {"verify", "Prove that a run's events are all there, and as they came",
     vm0::cli::VerifyCommand},
    {"cancel", "Ask a run to stop", vm0::cli::CancelCommand},
    {"prune", "Remove events and directories of runs that ended long ago", vm0::cli::PruneCommand},
    {"backup", "Copy the server's database to a file, while it serves", vm0::cli::BackupCommand},
    {"restore", "Put a backup in the place of the database", vm0::cli::RestoreCommand},
    {"serve", "Be the server", vm0::cli::ServeCommand},
    {"doctor", "Check whether this machine can run agents", vm0::cli::DoctorCommand},
    {"auth", "Create, list and revoke tokens", vm0::cli::AuthCommand},
    {"secret", "Keep secrets for runs, encrypted", vm0::cli::SecretCommand},
    {"version", "Print the version", vm0::cli::VersionCommand},
    {"supervise", "", vm0::cli::SuperviseCommand, Listing::kHidden},
    {"launch", "", vm0::cli::LaunchCommand, Listing::kHidden},
};

}  // namespace

int main(int argc, char** argv) {
  vm0::os::ForbidCoreDumps();
  vm0::os::UseOwnNameService();
  // Writes to a closed pipe or socket fail instead.
  std::signal(SIGPIPE, SIG_IGN);
  vm0::cli::Context context{
      .arguments = {argv + 1, argv + argc},
      .environment = vm0::cli::Environment::OfProcess(),
      .output = vm0::cli::Output::OfProcess(vm0::cli::Environment::OfProcess()),
  };
  return vm0::cli::Dispatch(kCommands, std::move(context));
}
