// SPDX-License-Identifier: Apache-2.0
#include "run/runs.h"

#include <algorithm>
#include <list>
#include <map>
#include <utility>

#include "os/fault.h"
#include "os/wakeup.h"
#include "run/rules.h"

namespace vm0::run {
namespace {

template <class T>
using Work = std::function<Result<T>(store::Stores&)>;

// A claim that waits; counted out also when its coroutine is destroyed.
class Place {
 public:
  explicit Place(std::list<os::Wakeup*>& claims)
      : claims_(claims), place_(claims.insert(claims.end(), &wakeup)) {}
  ~Place() { claims_.erase(place_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  os::Wakeup wakeup;

 private:
  std::list<os::Wakeup*>& claims_;
  std::list<os::Wakeup*>::iterator place_;
};

Seconds PauseAfter(int attempt) {
  Seconds pause = kFirstPause;
  for (int i = 1; i < attempt && pause < kLongestPause; ++i) pause *= 2;
  return std::min(pause, kLongestPause);
}

}  // namespace

class Runs::Impl {
 public:
  store::Database& database;
  os::Clock& clock;
  const store::SecretBox& box;
  std::function<void(RunId)> changed;
  QueueLimits limits;
  Observer* observer;  // or nullptr
  std::list<os::Wakeup*> claims;
  std::map<std::optional<RunId>, os::Timer> holds;  // until their pauses are over

  store::Run NewRow(const NewRun& request) const;
  void WakeClaims() const {
    for (os::Wakeup* claim : claims) claim->Wake();
  }
  // Tells the run's readers; and who waits for the place of a run that has ended.
  void Notify(const Outcome& outcome) const {
    if (!outcome.changed) return;
    changed(outcome.run.id);
    if (!store::IsTerminal(outcome.run.status)) return;
    SayEnded(outcome.run.status);
    WakeClaims();
  }
  void SayEnded(store::RunStatus status) const {
    if (observer != nullptr) observer->OnEnded(status);
  }
  void SayClaimed(const store::Run& run, WallTime now) const {
    if (observer != nullptr && run.attempt == 1)
      observer->OnClaimed(std::max(now - run.created_at, Micros(0)));
  }
  static void HoldFor(const std::shared_ptr<Impl>& self, std::optional<RunId> run, Micros pause);
  static void EndHold(const std::shared_ptr<Impl>& self, std::optional<RunId> run);
};

// One held run, or all of them, once `pause` is over.
void Runs::Impl::HoldFor(const std::shared_ptr<Impl>& self, std::optional<RunId> run,
                         Micros pause) {
  const auto end = [weak = std::weak_ptr(self), run] {
    if (const auto impl = weak.lock()) EndHold(impl, run);
  };
  self->holds.insert_or_assign(run, os::Timer(self->clock, self->clock.Now() + pause, end));
}

void Runs::Impl::EndHold(const std::shared_ptr<Impl>& self, std::optional<RunId> run) {
  const auto work = [run](store::Stores& stores) {
    return run ? run::EndHold(stores, *run) : stores.runs.EndHolds();
  };
  const auto done = [weak = std::weak_ptr(self), run](const Status& ended) {
    const auto impl = weak.lock();
    if (!impl) return;
    impl->holds.erase(run);
    if (!ended) HoldFor(impl, run, kLongestPause);
    impl->WakeClaims();
  };
  self->database.Submit(work, done);
}

store::Run Runs::Impl::NewRow(const NewRun& request) const {
  store::Run run;
  run.created_at = clock.WallNow();
  run.id = RunId::New(run.created_at);
  run.user_id = request.user_id;
  run.agent_config_id = request.agent_config_id;
  run.agent_name = request.agent_name;
  run.provider = request.provider;
  run.dialect = request.dialect;
  run.prompt = request.prompt;
  run.spec = request.spec;
  run.secrets = box.Seal(request.secrets);
  run.external = request.external;
  run.max_attempts = request.max_attempts;
  run.idempotency_key = request.idempotency_key;
  run.request_hash = request.request_hash;
  return run;
}

Runs::Runs(store::Database& database, os::Clock& clock, const store::SecretBox& box,
           std::function<void(RunId)> changed, QueueLimits limits, Observer* observer)
    : impl_(new Impl{database, clock, box, std::move(changed), limits, observer, {}, {}}) {
  // Most starts find none: they shall not write.
  if (database.reader().runs.HasHeld().value_or(true)) Impl::EndHold(impl_, std::nullopt);
}

Runs::~Runs() = default;

asio::awaitable<Result<Runs::Created>> Runs::Create(NewRun request) {
  auto run = std::make_shared<const store::Run>(impl_->NewRow(request));
  Work<NewRow> work = [run, limits = impl_->limits](store::Stores& stores) {
    return InsertOnce(stores, *run, limits);
  };
  auto row = co_await impl_->database.Write<NewRow>(std::move(work));
  if (!row) co_return std::unexpected(std::move(row).error());
  (void)os::FaultFails("run.created");
  if (!row->repeated) {
    impl_->changed(row->run.id);
    if (impl_->observer != nullptr) impl_->observer->OnCreated();
    if (!row->run.external) WakeClaims();
  }
  co_return Created{std::move(row->run), row->repeated};
}

asio::awaitable<Result<std::optional<Claimed>>> Runs::Claim(std::string machine, MonoTime deadline,
                                                            std::shared_ptr<bool> cancelled) {
  Place place(impl_->claims);
  for (;;) {
    if (*cancelled) co_return std::nullopt;
    // Most looks find nothing: they shall not cost a transaction.
    const auto next = NextUser(impl_->database.reader().runs, impl_->limits);
    if (!next) co_return std::unexpected(next.error());
    if (*next) {
      const WallTime now = impl_->clock.WallNow();
      Work<std::optional<Claimed>> work = [machine, limits = impl_->limits,
                                           now](store::Stores& stores) {
        return ClaimNext(stores, machine, limits, now);
      };
      auto claimed = co_await impl_->database.Write<std::optional<Claimed>>(std::move(work));
      (void)os::FaultFails("run.claimed");
      if (claimed && *claimed) {
        impl_->changed((*claimed)->run.id);
        impl_->SayClaimed((*claimed)->run, now);
      }
      if (!claimed || *claimed) co_return std::move(claimed);
      continue;  // somebody else was faster
    }
    if (impl_->clock.Now() >= deadline) co_return std::nullopt;
    co_await place.wakeup.Wait(impl_->clock, deadline);
  }
}

void Runs::WakeClaims() { impl_->WakeClaims(); }

asio::awaitable<Result<store::Run>> Runs::GiveBack(Release release) {
  const auto wanted = std::make_shared<const Release>(std::move(release));
  const WallTime now = impl_->clock.WallNow();
  Work<Outcome> work = [wanted, now](store::Stores& stores) {
    return ReleaseRun(stores, *wanted, now);
  };
  auto outcome = co_await impl_->database.Write<Outcome>(std::move(work));
  if (!outcome) co_return std::unexpected(std::move(outcome).error());
  (void)os::FaultFails("run.released");
  if (outcome->changed && outcome->run.held) {
    Impl::HoldFor(impl_, outcome->run.id, PauseAfter(outcome->run.attempt));
    // Its user has one less running.
    WakeClaims();
  }
  impl_->Notify(*outcome);
  co_return std::move(outcome->run);
}

asio::awaitable<Result<std::string>> Runs::Adopt(Adoption adoption) {
  const auto wanted = std::make_shared<const Adoption>(std::move(adoption));
  const WallTime now = impl_->clock.WallNow();
  Work<Claimed> work = [wanted, now](store::Stores& stores) {
    return AdoptRun(stores, *wanted, now);
  };
  auto adopted = co_await impl_->database.Write<Claimed>(std::move(work));
  if (!adopted) co_return std::unexpected(std::move(adopted).error());
  impl_->changed(wanted->run);
  co_return std::move(adopted->token);
}

asio::awaitable<Result<store::Secrets>> Runs::Start(RunId run, int attempt) {
  const WallTime now = impl_->clock.WallNow();
  Work<std::optional<store::Secrets>> work = [run, attempt, box = impl_->box,
                                              now](store::Stores& stores) {
    return StartRun(stores, run, attempt, box, now);
  };
  auto secrets = co_await impl_->database.Write<std::optional<store::Secrets>>(std::move(work));
  if (!secrets) co_return std::unexpected(std::move(secrets).error());
  (void)os::FaultFails("run.started");
  impl_->changed(run);
  if (!*secrets) {
    impl_->SayEnded(store::RunStatus::kFailed);
    WakeClaims();
    co_return Fail(Code::kRunEnded, "the run has failed: its secrets can not be read");
  }
  co_return std::move(**secrets);
}

asio::awaitable<Result<store::Run>> Runs::Complete(RunId run, std::optional<int> attempt,
                                                   Completion completion) {
  auto wanted = std::make_shared<const Completion>(std::move(completion));
  const WallTime now = impl_->clock.WallNow();
  Work<Outcome> work = [run, attempt, wanted, now](store::Stores& stores) {
    return CompleteRun(stores, run, attempt, *wanted, now);
  };
  auto outcome = co_await impl_->database.Write<Outcome>(std::move(work));
  if (!outcome) co_return std::unexpected(std::move(outcome).error());
  (void)os::FaultFails("run.completed");
  impl_->Notify(*outcome);
  co_return std::move(outcome->run);
}

asio::awaitable<Result<store::Run>> Runs::Cancel(RunId run) {
  const WallTime now = impl_->clock.WallNow();
  Work<Outcome> work = [run, now](store::Stores& stores) { return CancelRun(stores, run, now); };
  auto outcome = co_await impl_->database.Write<Outcome>(std::move(work));
  if (!outcome) co_return std::unexpected(std::move(outcome).error());
  (void)os::FaultFails("run.cancelled");
  impl_->Notify(*outcome);
  co_return std::move(outcome->run);
}

}  // namespace vm0::run
