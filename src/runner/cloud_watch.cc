// SPDX-License-Identifier: Apache-2.0
#include "runner/cloud_watch.h"

#include <fcntl.h>

#include <functional>
#include <limits>
#include <utility>

#include "agent/config.h"
#include "client/backoff.h"
#include "e2b/answer.h"
#include "os/disk.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/file_tree.h"
#include "os/offload.h"
#include "os/task_group.h"
#include "runner/log.h"
#include "runner/run_files.h"

namespace vm0::runner {
namespace {

constexpr std::string_view kPacked = "packed\n";
constexpr std::size_t kSmallFile = 1 << 20;
constexpr int kLockedExit = 4;  // of `vm0 supervise`: the supervisor lives
constexpr Seconds kLockCheck{30};
constexpr std::size_t kLongestReason = 1000;  // a word is one line
constexpr Seconds kCancelledCare{5};

bool IsMissing(const Status& status) { return !status && status.error().code == Code::kNotFound; }

// Our program is not there, or not whole: nothing was ever started.
bool IsNoProgram(const Error& error) {
  return error.code == Code::kBadRequest || error.code == Code::kNotFound;
}

}  // namespace

Result<std::unique_ptr<CloudWatch>> CloudWatch::Make(Context& context, const Cloud& cloud,
                                                     client::RunnerClient& server,
                                                     supervisor::RunDir dir, SandboxNote note) {
  VM0_ASSIGN(auto envd, e2b::Envd::Make(context.loop, context.clock, cloud.account, note.sandbox));
  return std::unique_ptr<CloudWatch>(
      new CloudWatch(context, cloud, server, std::move(dir), std::move(note), std::move(envd)));
}

CloudWatch::CloudWatch(Context& context, const Cloud& cloud, client::RunnerClient& server,
                       supervisor::RunDir dir, SandboxNote note, e2b::Envd envd)
    : context_(context),
      server_(server),
      dir_(std::move(dir)),
      note_(std::move(note)),
      there_(RunDirThere(dir_.run_id())),
      control_(context.loop, context.clock, cloud.account),
      envd_(std::move(envd)) {}

asio::awaitable<void> CloudWatch::Run() {
  const StopSignal::Hook hook(context_.stop, [this] {
    control_.Close();
    envd_.Close();
    if (stream_ != nullptr) stream_->Close();
    done_.Wake();
  });
  os::TaskGroup tasks(context_.loop.get_executor());
  tasks.Spawn(Tend());
  bool is_collected = false;
  co_await PassToken();
  while (!is_over() && !is_collected) {
    co_await Follow();
    if (!is_over()) is_collected = co_await Collect();
  }
  is_done_ = true;
  done_.Wake();
  co_await tasks.Join();
  if (context_.stop.stopped()) co_return;
  const Status noted = NoteEnd(is_collected);
  if (!noted) Log(dir_.run_id(), noted.error().message);
}

Status CloudWatch::NoteEnd(bool is_collected) {
  // Nobody can tell any more whether its agent has run.
  if (!is_collected && note_.state == SandboxNote::State::kLaunched) {
    VM0_TRY(dir_.NoteStarted(note_.attempt));
  }
  note_.state = is_collected ? SandboxNote::State::kCollected : SandboxNote::State::kGone;
  return WriteSandboxNote(dir_, note_);
}

asio::awaitable<void> CloudWatch::PassToken() {
  if (!new_token_) co_return;
  client::Backoff backoff;
  while (!is_over()) {
    Status passed;
    if (new_token_->empty()) {
      passed = co_await envd_.Signal(kSupervisorTag, e2b::ProcessSignal::kKill);
    } else {
      passed = co_await envd_.Write(there_ + "/token", *new_token_);
    }
    if (passed || !e2b::IsPassing(passed.error())) co_return;
    co_await context_.Pause(backoff.Next());
  }
}

asio::awaitable<void> CloudWatch::Follow() {
  client::Backoff backoff;
  while (!is_over()) {
    auto stream = co_await envd_.Connect(kSupervisorTag);
    if (is_over()) co_return;
    Status heard = stream ? Status() : Status(Fail(stream.error()));
    if (stream) {
      backoff.Reset();
      stream_ = stream->get();
      heard = co_await Listen(**stream);
      stream_ = nullptr;
    }
    if (heard || IsMissing(heard) || is_over()) co_return;
    Log(dir_.run_id(), "its sandbox can't be heard: " + heard.error().message);
    if (co_await IsGone()) co_return;
    co_await context_.Pause(backoff.Next());
  }
}

// Until the process has ended; an error when it could not be heard any more.
asio::awaitable<Status> CloudWatch::Listen(e2b::ProcessStream& stream) {
  // It may have been said when nobody listened.
  co_await BringHome();
  std::string heard;
  for (;;) {
    auto event = co_await stream.Next();
    if (!event) co_return Fail(event.error());
    if (const auto* end = std::get_if<e2b::Ended>(&*event)) {
      exit_code_ = end->exit_code;
      co_return Status{};
    }
    const auto* output = std::get_if<e2b::Output>(&*event);
    if (output == nullptr || output->pipe != e2b::Output::Pipe::kStdout) continue;
    heard += output->bytes;
    if (heard.contains(kPacked)) {
      co_await BringHome();
      heard.clear();
    }
    heard.erase(0, heard.size() - std::min(heard.size(), kPacked.size()));
  }
}

// One that somebody has paused is not gone, though it has no timeout and its envd no answer.
asio::awaitable<bool> CloudWatch::IsGone() {
  const Status found = co_await control_.Connect(note_.sandbox.id, kSandboxLease);
  is_gone_ = is_gone_ || IsMissing(found);
  co_return is_gone_;
}

asio::awaitable<void> CloudWatch::Tend() {
  while (!is_done_ && !is_over()) {
    co_await Extend();
    if (!is_done_ && !is_over()) co_await PassCancel();
    // What is said after a signal is heard by nobody: envd listens no more.
    if (has_passed_cancel_ && !is_done_ && !is_over()) co_await BringHome();
    const MonoTime next =
        context_.clock.Now() + (has_passed_cancel_ ? kCancelledCare : kSandboxCare);
    if (!is_done_ && !is_over()) co_await done_.Wait(context_.clock, next);
  }
}

asio::awaitable<void> CloudWatch::Extend() {
  const Status extended = co_await control_.SetTimeout(note_.sandbox.id, kSandboxLease);
  if (extended || context_.stop.stopped()) co_return;
  if (!IsMissing(extended)) {
    Log(dir_.run_id(), "its sandbox could not be given more time: " + extended.error().message);
    co_return;
  }
  if (!co_await IsGone()) co_return;
  envd_.Close();
  if (stream_ != nullptr) stream_->Close();
}

// A supervisor that the server can't reach does not hear it in another way.
asio::awaitable<void> CloudWatch::PassCancel() {
  const auto runs = co_await server_.UnfinishedRuns();
  if (!runs) co_return;
  for (const auto& run : *runs) {
    if (run.id != dir_.run_id() || !run.cancel_requested) continue;
    const Status passed = co_await envd_.Signal(kSupervisorTag, e2b::ProcessSignal::kTerminate);
    has_passed_cancel_ = has_passed_cancel_ || passed;
  }
}

asio::awaitable<void> CloudWatch::BringHome() {
  if (std::exchange(is_bringing_, true)) co_return;
  co_await BringHomeAlone();
  is_bringing_ = false;
}

asio::awaitable<void> CloudWatch::BringHomeAlone() {
  client::Backoff backoff;
  while (!is_over()) {
    Status fetched;
    if (!note_.has_workspace) fetched = co_await FetchWorkspace();
    if (IsMissing(fetched) || is_over()) co_return;  // it is not packed yet
    if (fetched) co_return co_await Answer("taken\n");
    const Error error = fetched.error();
    Log(dir_.run_id(), "its workspace: " + error.message);
    if (!e2b::IsPassing(error)) {
      std::string reason = error.message.substr(0, kLongestReason);
      std::ranges::replace(reason, '\n', ' ');
      co_return co_await Answer("lost " + reason + "\n");
    }
    if (co_await IsGone()) co_return;
    co_await context_.Pause(backoff.Next());
  }
}

asio::awaitable<Status> CloudWatch::DownloadFile(std::string name, std::filesystem::path here) {
  VM0_CO_TRY(os::Remove(here));
  VM0_CO_ASSIGN(const os::Fd file, os::OpenForWriting(here, O_CREAT | O_EXCL));
  const auto size =
      co_await envd_.Download(there_ + "/" + name, file.get(), agent::kDefaultDiskBytes);
  if (!size) {
    (void)os::Remove(here);
    co_return Fail(size.error());
  }
  co_return os::Sync(file.get(), here);
}

asio::awaitable<Status> CloudWatch::FetchWorkspace() {
  const auto archive = dir_.path() / kResultArchive;
  VM0_CO_TRY(co_await DownloadFile(kResultArchive, archive));
  (void)os::FaultFails("cloud.fetched");
  std::function<Status()> work = [archive, dir = dir_, stop = &context_.stop.flag()] {
    return UnpackWorkspace(dir, archive, stop);
  };
  const Status unpacked = co_await os::Offload(context_.pool, std::move(work));
  if (!unpacked) co_return Fail(unpacked.error());
  note_.has_workspace = true;
  co_return WriteSandboxNote(dir_, note_);
}

asio::awaitable<void> CloudWatch::Answer(std::string word) {
  client::Backoff backoff;
  while (!is_over()) {
    const Status sent = co_await envd_.SendInput(kSupervisorTag, word);
    if (sent || !e2b::IsPassing(sent.error())) co_return;
    if (co_await IsGone()) co_return;
    co_await context_.Pause(backoff.Next());
  }
}

asio::awaitable<bool> CloudWatch::Collect() {
  // It has told the server of the end, and we have what there is.
  if (exit_code_ == 0 && note_.has_workspace) {
    for (const char* name : {"started", "supervisor.log"}) {
      (void)co_await DownloadFile(name, dir_.path() / name);
    }
    const auto forgotten = dir_.Forget(supervisor::RunDir::Spool::kRemove);
    if (!forgotten) Log(dir_.run_id(), forgotten.error().message);
    co_return true;
  }
  // That was one too many: a start whose answer was lost is made again.
  if (exit_code_ == kLockedExit) {
    exit_code_.reset();
    co_return false;
  }
  client::Backoff backoff;
  while (!is_over()) {
    const auto packed = co_await PackWhatIsLeft();
    if (packed == kLockedExit) {
      Log(dir_.run_id(), "its supervisor lives, though its sandbox does not know it any more");
      co_await context_.Pause(kLockCheck);
      co_return false;
    }
    // Events are not given up, whatever it is that keeps them there: a full disk here, too.
    Status fetched = Fail(Code::kUnavailable, "the sandbox does not answer");
    if (packed) fetched = co_await FetchFiles();
    const bool has_files = fetched.has_value();
    if (has_files && !note_.has_workspace) fetched = co_await FetchWorkspace();
    if (is_over()) co_return false;
    if (fetched || (has_files && IsMissing(fetched))) co_return true;
    Log(dir_.run_id(), "what it left can't be brought home: " + fetched.error().message);
    if (has_files && !e2b::IsPassing(fetched.error())) co_return true;
    if (co_await IsGone()) co_return false;
    co_await context_.Pause(backoff.Next());
  }
  co_return false;
}

// Proves by the lock that nobody lives there, and packs the workspace where the supervisor has not
// come to it. The program's exit code; nullopt when it could not be run or heard.
asio::awaitable<std::optional<int>> CloudWatch::PackWhatIsLeft() {
  e2b::Program program{.command = kProgramThere,
                       .arguments = {"supervise", "--pack", there_},
                       .environment = {},
                       .tag = "vm0-pack"};
  auto stream = co_await envd_.Start(std::move(program));
  if (!stream && IsNoProgram(stream.error())) co_return 0;
  if (!stream) co_return std::nullopt;
  for (;;) {
    auto event = co_await (*stream)->Next();
    if (!event && IsNoProgram(event.error())) co_return 0;
    if (!event) co_return std::nullopt;
    if (const auto* end = std::get_if<e2b::Ended>(&*event)) co_return end->exit_code;
  }
}

// As the supervisor has left them; without spec.json it is through with the run.
asio::awaitable<Status> CloudWatch::FetchFiles() {
  const auto spec = co_await envd_.Read(there_ + "/spec.json", kSmallFile);
  if (!spec && spec.error().code != Code::kNotFound) co_return Fail(spec.error());
  for (const char* name : {"started", "elapsed", "supervisor.log", "spool"}) {
    const Status fetched = co_await DownloadFile(name, dir_.path() / name);
    if (!fetched && !IsMissing(fetched)) co_return Fail(fetched.error());
  }
  if (!spec) co_return dir_.Forget(supervisor::RunDir::Spool::kRemove);
  co_return Status{};
}

}  // namespace vm0::runner
