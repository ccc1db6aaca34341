// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "client/run_client.h"
#include "e2b/control_plane.h"
#include "e2b/envd.h"
#include "os/wakeup.h"
#include "runner/cloud.h"
#include "runner/context.h"
#include "runner/sandbox_note.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// Looks after a run in a sandbox from when its supervisor was started, or from when the run was
// found, until nothing lives there: keeps the sandbox from expiring, passes a cancel on that the
// supervisor may not hear of, brings the workspace home when the agent has ended, and at last what
// the supervisor has left, so that the directory is as if it had died here. Tries for ever where
// E2B does not answer. The caller holds the run's lock. One run each; loop thread only.
class CloudWatch {
 public:
  // `server` outlives it.
  static Result<std::unique_ptr<CloudWatch>> Make(Context& context, const Cloud& cloud,
                                                  client::RunnerClient& server,
                                                  supervisor::RunDir dir, SandboxNote note);

  // Until the note is not open any more, or the runner stops.
  asio::awaitable<void> Run();
  // Before Run: the server knows its supervisor under this token now. Empty: it is to be ended.
  void UseToken(std::string token) { new_token_ = std::move(token); }
  // How the supervisor ended, if somebody was there to hear it.
  std::optional<int> exit_code() const { return exit_code_; }

 private:
  CloudWatch(Context& context, const Cloud& cloud, client::RunnerClient& server,
             supervisor::RunDir dir, SandboxNote note, e2b::Envd envd);

  // The supervisor's process, while it lives.
  asio::awaitable<void> Follow();
  asio::awaitable<Status> Listen(e2b::ProcessStream& stream);
  asio::awaitable<void> PassToken();
  // The sandbox's time, the user's cancel.
  asio::awaitable<void> Tend();
  asio::awaitable<void> Extend();
  asio::awaitable<void> PassCancel();
  // Whether E2B says that there is no such sandbox any more.
  asio::awaitable<bool> IsGone();

  // When the agent has ended: the supervisor waits for our word.
  asio::awaitable<void> BringHome();
  asio::awaitable<void> BringHomeAlone();
  asio::awaitable<Status> FetchWorkspace();
  asio::awaitable<Status> DownloadFile(std::string name, std::filesystem::path here);
  asio::awaitable<void> Answer(std::string word);

  // When the supervisor is gone. False while it turns out to live.
  asio::awaitable<bool> Collect();
  asio::awaitable<std::optional<int>> PackWhatIsLeft();
  asio::awaitable<Status> FetchFiles();
  Status NoteEnd(bool is_collected);
  bool is_over() const { return is_gone_ || context_.stop.stopped(); }

  Context& context_;
  client::RunnerClient& server_;
  const supervisor::RunDir dir_;
  SandboxNote note_;
  const std::string there_;  // the run's directory in the sandbox
  e2b::ControlPlane control_;
  e2b::Envd envd_;
  e2b::ProcessStream* stream_ = nullptr;  // the one that Listen reads
  std::optional<std::string> new_token_;
  std::optional<int> exit_code_;
  os::Wakeup done_;
  bool is_done_ = false;
  bool is_bringing_ = false;
  bool has_passed_cancel_ = false;
  bool is_gone_ = false;
};

}  // namespace vm0::runner
