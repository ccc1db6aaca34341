// SPDX-License-Identifier: Apache-2.0
#include "runner/cloud_care.h"

#include <utility>

#include "client/backoff.h"
#include "e2b/answer.h"
#include "os/disk.h"
#include "os/fault.h"
#include "runner/cloud_launch.h"
#include "runner/cloud_watch.h"
#include "runner/introduction.h"
#include "runner/log.h"
#include "runner/run_files.h"
#include "runner/sandbox_note.h"

namespace vm0::runner {
namespace {

constexpr std::string_view kNoCloud =
    "its sandbox is at E2B: start the server with E2B_API_KEY and --public-url";
constexpr Seconds kAskAgain{30};

std::optional<SandboxNote> NoteOf(const supervisor::RunDir& dir) {
  const auto note = ReadSandboxNote(dir);
  if (!note) Log(dir.run_id(), note.error().message);
  return note ? *note : std::nullopt;
}

}  // namespace

bool CloudCare::is_open() const {
  const auto note = NoteOf(dir_);
  return note && note->is_open();
}

bool CloudCare::is_gone() const {
  const auto note = NoteOf(dir_);
  return note && note->state == SandboxNote::State::kGone;
}

bool CloudCare::is_waiting(int attempt) const {
  if (!context_.options.cloud) return false;
  const auto note = ReadSandboxNote(dir_);
  if (!note || *note) return false;
  const auto run = dir_.ReadSpec();  // written last
  return run && run->spec.sandbox == agent::kCloudSandbox && run->attempt == attempt;
}

Result<client::ClaimAnswer> CloudCare::ReadClaim() const {
  VM0_ASSIGN(const auto run, dir_.ReadSpec());
  VM0_ASSIGN(auto token, dir_.ReadToken());
  return client::ClaimAnswer{
      .run_id = run.run_id, .attempt = run.attempt, .token = std::move(token), .spec = {}};
}

bool CloudCare::MayOwn(const std::string& sandbox_id) const {
  if (is_making_) return true;
  // One that can't be read may name it.
  const auto note = ReadSandboxNote(dir_);
  return !note || (*note && (*note)->sandbox.id == sandbox_id);
}

asio::awaitable<Status> CloudCare::Launch(client::ClaimAnswer claim, agent::RunSpec spec) {
  const auto& cloud = context_.options.cloud;
  if (!cloud) co_return Fail(Code::kUnavailable, std::string(kNoCloud));
  is_making_ = true;
  CloudLaunch launch(context_, *cloud, dir_, std::move(claim), std::move(spec));
  const Status launched = co_await launch.Run();
  is_making_ = false;
  co_return launched;
}

asio::awaitable<std::optional<os::ExitStatus>> CloudCare::Attend(client::RunnerClient& server) {
  const auto& cloud = context_.options.cloud;
  const auto note = NoteOf(dir_);
  auto watch = cloud && note ? CloudWatch::Make(context_, *cloud, server, dir_, *note)
                             : Fail(Code::kUnavailable, std::string(kNoCloud));
  if (!watch) {
    Log(dir_.run_id(), watch.error().message);
    co_await context_.Pause(kAskAgain);
    co_return std::nullopt;
  }
  const auto before = dir_.ReadToken();
  co_await Introduce(context_, server, dir_);
  const auto after = dir_.ReadToken();
  if (before && after.value_or("") != *before) (*watch)->UseToken(after.value_or(""));
  co_await (*watch)->Run();
  const auto code = (*watch)->exit_code();
  co_return code ? std::optional(os::ExitStatus{.code = *code}) : std::nullopt;
}

asio::awaitable<void> CloudCare::Remove() {
  // Also of a run that has come to no sandbox.
  for (const auto* archive : {kWorkspaceArchive, kResultArchive}) {
    (void)os::Remove(dir_.path() / archive);
  }
  const auto note = NoteOf(dir_);
  if (!note) co_return;
  // Before the note goes: what it names would be nobody's then.
  if (note->state != SandboxNote::State::kGone) co_await DeleteSandbox(note->sandbox.id);
  if (context_.stop.stopped()) co_return;
  (void)os::FaultFails("cloud.removed");
  (void)os::Remove(SandboxNotePath(dir_));
}

asio::awaitable<void> CloudCare::DeleteSandbox(std::string id) {
  if (!context_.options.cloud) co_return;
  e2b::ControlPlane control(context_.loop, context_.clock, context_.options.cloud->account);
  const StopSignal::Hook hook(context_.stop, [&control] { control.Close(); });
  client::Backoff backoff;
  while (!context_.stop.stopped()) {
    const Status deleted = co_await control.Delete(id);
    if (deleted || context_.stop.stopped()) co_return;
    Log(dir_.run_id(), "its sandbox can't be removed: " + deleted.error().message);
    if (!e2b::IsPassing(deleted.error())) co_return;
    co_await context_.Pause(backoff.Next());
  }
}

}  // namespace vm0::runner
