// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "agent/spec.h"
#include "client/run_client.h"
#include "os/process.h"
#include "runner/context.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// What a run has to do with sandboxes elsewhere, from the making of one to its removal; all of it
// is in the run's note (sandbox_note.h), so that another runner can go on. The caller holds the
// run's lock for what changes something. One a run, owned by its Care; loop thread only.
class CloudCare {
 public:
  CloudCare(Context& context, supervisor::RunDir dir) : context_(context), dir_(std::move(dir)) {}

  // Something of the run may live in a sandbox. Blocks for a small file, as the next two.
  bool is_open() const;
  // E2B had no such sandbox any more when we looked for its end.
  bool is_gone() const;
  // Whether a sandbox of that id may be its own: the one that it notes, or any while one is made.
  bool MayOwn(const std::string& sandbox_id) const;

  // An attempt that was prepared for a sandbox and has none yet: its runner ended while it waited
  // for E2B. The next one goes on with it, as nothing was tried that could count against the run.
  bool is_waiting(int attempt) const;
  // Its claim, which another runner made. Blocks.
  Result<client::ClaimAnswer> ReadClaim() const;
  // See CloudLaunch::Run.
  asio::awaitable<Status> Launch(client::ClaimAnswer claim, agent::RunSpec spec);
  // Until it is not open any more, or the runner stops: how its supervisor ended, where somebody
  // has heard it.
  asio::awaitable<std::optional<os::ExitStatus>> Attend(client::RunnerClient& server);
  // The archives, the sandbox, then the note. Tries until E2B answers or the runner stops.
  asio::awaitable<void> Remove();

 private:
  asio::awaitable<void> DeleteSandbox(std::string id);

  Context& context_;
  const supervisor::RunDir dir_;
  bool is_making_ = false;
};

}  // namespace vm0::runner
