// SPDX-License-Identifier: Apache-2.0
#include "runner/care.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/run_error.h"
#include "os/disk.h"
#include "os/fault.h"
#include "os/offload.h"
#include "os/process_watch.h"
#include "os/wakeup.h"
#include "runner/introduction.h"
#include "runner/launch.h"
#include "runner/log.h"
#include "runner/preparing.h"
#include "runner/run_files.h"
#include "sandbox/sandbox.h"

namespace vm0::runner {
namespace {

constexpr Seconds kLockCheck{30};   // a pid may be another process's by now
constexpr Seconds kHolderCheck{1};  // until the holder has described itself
constexpr Seconds kReleaseRefused{1};

bool IsOver(const Error& error) {
  const int status = InfoOf(error.code).http_status;
  return status == 410 || status == 404;
}

bool IsPassing(const Error& error) {
  const int status = InfoOf(error.code).http_status;
  return status >= 500 || status == 429;
}

// What runs under a uid that another run has by now is not ours to kill.
enum class Leftovers { kKill, kSpare };

// Takes the directory back from the run's uid, after ending what still runs under it. What the
// agent left in its /tmp is of no use to anybody.
Status TakeBack(const std::string& run_id, const supervisor::RunDir& dir, uid_t uid,
                Leftovers leftovers, const std::atomic<bool>* stop) {
  if (leftovers == Leftovers::kKill) VM0_TRY(sandbox::KillLeftovers(run_id, uid));
  const os::ChownOptions options{
      .uid = ::geteuid(), .gid = ::getegid(), .only_from = uid, .stop = stop};
  VM0_TRY(os::ChownTree(dir.workspace(), options));
  VM0_TRY(os::ChownTree(dir.home(), options));
  VM0_TRY(os::RemoveTree(dir.tmp()));
  return os::Remove(dir.uid());
}

// Of a supervisor that was not allowed to start its agent. What it had to say about that is the
// last line of its log.
std::string DescribeFailure(const std::optional<os::ExitStatus>& end,
                            const supervisor::RunDir& dir) {
  if (!end) return "nobody saw how it ended";
  std::string text = "it ended before it could start the agent, ";
  text += end->signal != 0 ? "by signal " + std::to_string(end->signal)
                           : "with exit code " + std::to_string(end->code);
  const std::string said = LastLine(dir.log());
  return said.empty() ? text : text + ": " + said;
}

}  // namespace

Care::Care(Context& context, Neighbours& neighbours, std::string run_id)
    : context_(context),
      neighbours_(neighbours),
      run_id_(std::move(run_id)),
      dir_{context.run_dir(run_id_)},
      cloud_(context, dir_),
      shared_folder_(FindSharedFolder(dir_)) {}

asio::awaitable<void> Care::RunClaimed(client::ClaimAnswer claim) {
  claim_ = std::move(claim);
  std::optional<Known> not_asked;
  co_await GoOn(std::move(not_asked));
}

asio::awaitable<void> Care::RunFound(std::optional<client::UnfinishedRun> known) {
  std::optional<Known> asked(std::move(known));
  co_await GoOn(std::move(asked));
}

asio::awaitable<void> Care::GoOn(std::optional<Known> known) {
  while (!context_.stop.stopped()) {
    Next next = Next::kDone;
    if (claim_) {
      next = co_await DecideOnClaim();
    } else {
      if (!known && !HasSeenItThrough()) known = co_await AskServer();
      if (context_.stop.stopped()) co_return;
      next = co_await Decide(known.value_or(std::nullopt));
    }
    Unlock(lock_);
    if (next == Next::kDone && !claim_) co_return;
    known.reset();
  }
}

bool Care::HasSeenItThrough() const {
  return last_end_ && last_end_->shell_code() == 0 && !HasSpec(dir_);
}

asio::awaitable<Care::Next> Care::DecideOnClaim() {
  const auto locked = TakeLock();
  if (locked && !lock_) {
    co_await WatchStranger(false);
    co_return Next::kLookAgain;
  }
  if (locked && cloud_.is_open()) {
    co_await AttendSandbox();
    co_return Next::kLookAgain;
  }
  auto claim = *std::exchange(claim_, std::nullopt);
  if (!locked) co_return co_await GiveBack(claim.attempt, locked.error().message);
  // The server does not know it, but its agent has run already: never again.
  if (const auto started = FindStartedAttempt(dir_)) {
    FreePlace();
    const Burial::Grounds grounds{.is_unfinished = true,
                                  .attempt = std::max(claim.attempt, *started),
                                  .has_started = true,
                                  .sandbox_is_gone = cloud_.is_gone()};
    co_return co_await Bury(grounds);
  }
  co_return co_await Launch(std::move(claim));
}

asio::awaitable<Care::Next> Care::Decide(const Known& known) {
  if (!known && ::access(dir_.path().c_str(), F_OK) != 0) co_return Next::kDone;
  const auto locked = TakeLock();
  if (!locked) {
    Log(run_id_, locked.error().message);
    FreePlace();
    co_await context_.Pause(kLockCheck);
    co_return Next::kLookAgain;
  }
  if (!lock_) {
    co_await WatchStranger(known && known->cancel_requested);
    co_return Next::kLookAgain;
  }
  if (cloud_.is_open()) {
    co_await AttendSandbox();
    co_return Next::kLookAgain;
  }
  co_return co_await DecideAlone(known);
}

asio::awaitable<Care::Next> Care::DecideAlone(const Known& known) {
  if (known && !known->started && cloud_.is_waiting(known->attempt)) {
    co_return co_await LaunchWaiting(known->attempt);
  }
  FreePlace();
  const auto started = FindStartedAttempt(dir_);
  if (known && !known->started && !started) {
    std::string reason = cloud_.is_gone() ? "its sandbox ended before the agent could be started"
                                          : DescribeFailure(last_end_, dir_);
    co_return co_await GiveBack(known->attempt, std::move(reason));
  }
  const bool has_spec = HasSpec(dir_);
  // Without spec.json it has perhaps ended since we asked.
  Known now = known;
  if (known && !has_spec) now = co_await AskServer();
  if (context_.stop.stopped()) co_return Next::kDone;
  const auto spec = dir_.ReadSpec();
  if (!now && has_spec && !spec) {
    Log(run_id_, spec.error().message + ": " + dir_.path().string() + " is left alone");
    co_return Next::kDone;
  }
  if (now || has_spec) {
    const int noted = std::max(started.value_or(0), spec ? spec->attempt : 0);
    const Burial::Grounds grounds{.is_unfinished = now.has_value(),
                                  .attempt = std::max(now ? now->attempt : 0, noted),
                                  .has_started = started || (now && now->started),
                                  .sandbox_is_gone = cloud_.is_gone()};
    co_return co_await Bury(grounds);
  }
  (void)os::Remove(dir_.token());  // of a claim that came no further
  co_await TidyUp();
  co_return Next::kDone;
}

asio::awaitable<Care::Next> Care::GiveBack(int attempt, std::string reason) {
  FreePlace();
  Log(run_id_, reason);
  client::Backoff backoff;
  while (!context_.stop.stopped()) {
    const auto released = co_await neighbours_.server().Release(run_id_, attempt, reason);
    if (released || IsOver(released.error())) {
      if (!released) Log(run_id_, released.error().message);
      // Without the lock it may be somebody's who lives.
      if (lock_) {
        (void)dir_.Forget(supervisor::RunDir::Spool::kRemove);
        co_await TidyUp();
      }
      co_return Next::kDone;
    }
    const Error error = released.error();
    if (context_.stop.stopped()) break;
    if (!IsPassing(error)) Log(run_id_, "can't be given back: " + error.message);
    if (error.code == Code::kConflict) {
      // It started after all: ask again.
      co_await context_.Pause(kReleaseRefused);
      co_return Next::kLookAgain;
    }
    co_await context_.Pause(backoff.Next());
  }
  co_return Next::kDone;
}

void Care::FreePlace() {
  if (std::exchange(holds_place_, false)) neighbours_.PlaceFreed();
}

asio::awaitable<Care::Known> Care::AskServer() {
  client::Backoff backoff;
  while (!context_.stop.stopped()) {
    const auto runs = co_await neighbours_.server().UnfinishedRuns();
    if (runs) {
      for (const auto& run : *runs) {
        if (run.id == run_id_) co_return run;
      }
      co_return std::nullopt;
    }
    if (!IsPassing(runs.error())) Log(run_id_, "can't ask the server: " + runs.error().message);
    co_await context_.Pause(backoff.Next());
  }
  co_return std::nullopt;
}

asio::awaitable<Care::Next> Care::Launch(client::ClaimAnswer claim) {
  holds_place_ = true;
  const int attempt = claim.attempt;
  auto spec = CheckSpec(claim);
  if (!spec) {
    co_await CompleteUnstarted(std::move(claim), spec.error().message);
    co_return Next::kDone;
  }
  const bool is_here = spec->sandbox != agent::kCloudSandbox;
  if (const auto chosen = is_here && ::geteuid() == 0 ? ChooseUid() : Status(); !chosen) {
    co_return co_await GiveBack(attempt, chosen.error().message);
  }
  Preparation preparation{.dir = dir_,
                          .claim = claim,
                          .spec = *spec,
                          .place = is_here ? Place::kHere : Place::kCloud,
                          .run_uid = run_uid_,
                          .data_dir = context_.options.data_dir,
                          .server_url = context_.options.server_url};
  const auto prepared = co_await PrepareInTime(context_, std::move(preparation));
  // The next runner will find it, not started.
  if (context_.stop.stopped()) co_return Next::kDone;
  (void)os::FaultFails("runner.prepared");
  if (prepared && is_here) co_return co_await LaunchPrepared(attempt);
  if (prepared) co_return co_await LaunchInCloud(std::move(claim), std::move(*spec));
  const Error error = prepared.error();
  if (error.code == Code::kUnavailable) co_return co_await GiveBack(attempt, error.message);
  co_await CompleteUnstarted(std::move(claim), error.message);
  co_return Next::kDone;
}

asio::awaitable<Care::Next> Care::LaunchPrepared(int attempt) {
  Unlock(lock_);
  auto child = LaunchSupervisor(dir_, context_.options.self_fd);
  if (child) {
    (void)os::FaultFails("runner.launched");
    co_await WatchChild(std::move(*child));
    co_return Next::kLookAgain;
  }
  (void)TakeLock();
  co_return co_await GiveBack(attempt, child.error().message);
}

Result<agent::RunSpec> Care::CheckSpec(const client::ClaimAnswer& claim) {
  auto spec = agent::ParseRunSpec(claim.spec);
  if (!spec) return Fail(Code::kBadRequest, "the run can't be understood: " + spec.error().message);
  shared_folder_ = SharedFolderOf(*spec);
  if (shared_folder_ && neighbours_.IsShared(*shared_folder_, run_id_)) {
    shared_folder_.reset();
    return Fail(Code::kConflict, "another run works in " + spec->workspace.path +
                                     " itself: wait for its end, or give the folder as :copy");
  }
  return spec;
}

Status Care::ChooseUid() {
  const auto earlier = ReadRunUid(dir_);  // of an earlier attempt
  if (earlier && context_.uids.Owns(dir_, *earlier).value_or(false)) {
    run_uid_ = earlier;
    return {};
  }
  VM0_ASSIGN(run_uid_, context_.uids.Take(dir_));
  return {};
}

Status Care::TakeLock() {
  // Not what is above them: a data directory that was moved away is not made anew.
  VM0_TRY(MakeDirectoryOnce(context_.runs_dir()));
  VM0_TRY(MakeDirectoryOnce(dir_.path()));
  VM0_ASSIGN(lock_, os::FileLock::TryAcquire(dir_.lock()));
  return {};
}

asio::awaitable<void> Care::CompleteUnstarted(client::ClaimAnswer claim, std::string reason) {
  http::Client http(context_.loop, context_.clock, context_.endpoint);
  const StopSignal::Hook hook(context_.stop, [&http] { http.Close(); });
  client::RunClient client(http, claim.token);
  client::Backoff backoff;
  FreePlace();
  Log(run_id_, reason);
  while (!context_.stop.stopped()) {
    client::CompleteMessage message;
    message.status = InfoOf(RunError::kNotStarted).status;
    message.error_code = InfoOf(RunError::kNotStarted).name;
    message.reason = reason;
    const auto answer = co_await client.Complete(message);
    if (answer || !IsPassing(answer.error())) {
      if (!answer) Log(run_id_, "it could not be ended: " + answer.error().message);
      (void)dir_.Forget(supervisor::RunDir::Spool::kRemove);
      co_await TidyUp();
      break;
    }
    co_await context_.Pause(backoff.Next());
  }
}

asio::awaitable<void> Care::WatchChild(os::Child child) {
  os::Wakeup wakeup;
  bool ended = false;
  const StopSignal::Hook hook(context_.stop, [&wakeup] { wakeup.Wake(); });
  const os::ProcessWatch watch(context_.loop.get_executor(), std::move(child.pidfd), [&] {
    ended = true;
    wakeup.Wake();
  });
  last_end_.reset();
  has_live_supervisor_ = true;
  while (!ended && !context_.stop.stopped()) {
    co_await wakeup.Wait(context_.clock, MonoTime::max());
  }
  has_live_supervisor_ = false;
  if (!ended) co_return;
  const auto end = os::Wait(child.pid);
  if (end) last_end_ = *end;
}

asio::awaitable<void> Care::WatchStranger(bool cancel_requested) {
  last_end_.reset();
  co_await Introduce(context_, neighbours_.server(), dir_);
  os::Wakeup wakeup;
  bool ended = false;
  const StopSignal::Hook hook(context_.stop, [&wakeup] { wakeup.Wake(); });
  std::optional<os::ProcessWatch> watch;
  has_live_supervisor_ = true;
  while (!context_.stop.stopped()) {
    if (!watch) {
      auto holder = OpenLockHolder(dir_);
      if (holder && cancel_requested) (void)os::SignalPidFd(holder->get(), SIGTERM);
      if (holder) {
        Log(run_id_, "its supervisor lives and goes on");
        watch.emplace(context_.loop.get_executor(), std::move(*holder), [&] {
          ended = true;
          wakeup.Wake();
        });
      }
    }
    const Seconds patience = watch ? kLockCheck : kHolderCheck;
    co_await wakeup.Wait(context_.clock, context_.clock.Now() + patience);
    // Where its directory is gone, the process alone tells that it lives.
    const bool has_file = ::access(dir_.lock().c_str(), F_OK) == 0;
    if (ended || (has_file ? LockIsFree() : !watch)) break;
  }
  has_live_supervisor_ = false;
}

bool Care::LockIsFree() const {
  auto lock = os::FileLock::TryAcquire(dir_.lock());
  if (!lock) return true;  // its directory is gone
  const bool is_free = lock->has_value();
  Unlock(*lock);
  return is_free;
}

asio::awaitable<Care::Next> Care::Bury(Burial::Grounds grounds) {
  Burial burial(context_, neighbours_.server(), run_id_, grounds);
  const auto outcome = co_await burial.Run();
  if (outcome == Burial::Outcome::kForgotten) co_await TidyUp();
  co_return Next::kDone;
}

asio::awaitable<Care::Next> Care::LaunchInCloud(client::ClaimAnswer claim, agent::RunSpec spec) {
  const Status launched = co_await cloud_.Launch(claim, std::move(spec));
  if (context_.stop.stopped()) co_return Next::kDone;
  if (launched) co_return Next::kLookAgain;
  const Error error = launched.error();
  if (error.code == Code::kUnavailable) {
    co_return co_await GiveBack(claim.attempt, error.message);
  }
  co_await CompleteUnstarted(std::move(claim), error.message);
  co_return Next::kDone;
}

asio::awaitable<Care::Next> Care::LaunchWaiting(int attempt) {
  co_await Introduce(context_, neighbours_.server(), dir_);
  if (context_.stop.stopped()) co_return Next::kDone;
  auto claim = cloud_.ReadClaim();
  auto run = dir_.ReadSpec();
  if (claim && run) co_return co_await LaunchInCloud(std::move(*claim), std::move(run->spec));
  co_return co_await GiveBack(attempt, "the server does not know its attempt any more");
}

asio::awaitable<void> Care::AttendSandbox() {
  has_live_supervisor_ = true;
  last_end_ = co_await cloud_.Attend(neighbours_.server());
  has_live_supervisor_ = false;
}

asio::awaitable<void> Care::TidyUp() {
  (void)os::FaultFails("runner.tidy");
  co_await cloud_.Remove();
  const auto noted = ReadRunUid(dir_);
  if (!context_.stop.stopped()) {
    std::function<Status()> work = [dir = dir_] { return os::RemoveTree(dir.tmp()); };
    if (noted && ::geteuid() == 0) {
      const auto leftovers =
          context_.uids.Owns(dir_, *noted).value_or(false) ? Leftovers::kKill : Leftovers::kSpare;
      work = [id = run_id_, dir = dir_, uid = *noted, leftovers, stop = &context_.stop.flag()] {
        return TakeBack(id, dir, uid, leftovers, stop);
      };
    }
    const auto taken = co_await os::Offload(context_.pool, std::move(work));
    if (!taken) {
      // The note stays, and with it the uid: the next runner tries again.
      if (!context_.stop.stopped()) Log(run_id_, taken.error().message);
      co_return;
    }
  }
  const auto uid = noted ? noted : run_uid_;
  if (uid) context_.uids.Free(*uid);
}

}  // namespace vm0::runner
