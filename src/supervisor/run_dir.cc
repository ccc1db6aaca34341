// SPDX-License-Identifier: Apache-2.0
#include "supervisor/run_dir.h"

#include <fcntl.h>

#include <algorithm>

#include "agent/config.h"
#include "base/text.h"
#include "os/disk.h"
#include "os/fault.h"
#include "os/file.h"

namespace vm0::supervisor {
namespace {

constexpr std::int64_t kVersion = 1;

std::unexpected<Error> Missing(std::string_view field) {
  return Fail(Code::kBadRequest, "spec.json: " + std::string(field) + " is missing");
}

}  // namespace

std::string FormatStoredRun(const StoredRun& run, const json::object& spec) {
  const json::object object{{"v", kVersion},
                            {"runId", run.run_id},
                            {"attempt", run.attempt},
                            {"server", run.server},
                            {"spec", spec}};
  return ToPrettyJson(json::value(object)) + "\n";
}

Result<StoredRun> ParseStoredRun(std::string_view text) {
  VM0_ASSIGN(const json::object object, ParseJsonObject(text, "spec.json"));
  VM0_ASSIGN(const auto version, IntField(object, "v"));
  if (!version) return Missing("v");
  if (*version != kVersion) {
    return Fail(Code::kBadRequest,
                "spec.json has version " + std::to_string(*version) + ": this vm0 knows version 1");
  }
  VM0_ASSIGN(auto run_id, StringField(object, "runId"));
  VM0_ASSIGN(const auto attempt, IntField(object, "attempt"));
  VM0_ASSIGN(auto server, StringField(object, "server"));
  VM0_ASSIGN(const json::object* spec, ObjectField(object, "spec"));
  if (!run_id) return Missing("runId");
  if (!server) return Missing("server");
  if (spec == nullptr) return Missing("spec");
  if (!attempt || *attempt < 1 || *attempt > agent::kMostAttempts) {
    return Fail(Code::kBadRequest, "spec.json: attempt is missing or not from 1 to " +
                                       std::to_string(agent::kMostAttempts));
  }
  StoredRun run{.run_id = std::move(*run_id),
                .attempt = static_cast<int>(*attempt),
                .server = std::move(*server),
                .spec = {}};
  VM0_ASSIGN(run.spec, agent::ParseRunSpec(*spec));
  return run;
}

Result<StoredRun> RunDir::ReadSpec() const {
  VM0_ASSIGN(const std::string text, os::ReadFile(spec()));
  return ParseStoredRun(text);
}

Result<std::string> RunDir::ReadToken() const {
  VM0_ASSIGN(const std::string text, os::ReadFile(token()));
  return std::string(TrimAscii(text));
}

Result<std::optional<uid_t>> RunDir::ReadUid() const {
  const auto text = os::ReadFile(uid());
  if (!text && text.error().code == Code::kNotFound) return std::nullopt;
  if (!text) return Fail(text.error());
  const auto number = ParseInt(TrimAscii(*text));
  if (!number || *number < 1) return Fail(Code::kIo, uid().native() + ": is no uid");
  return static_cast<uid_t>(*number);
}

Status RunDir::WriteElapsed(Seconds elapsed_time) const {
  return os::WriteFileAtomic(elapsed(), std::to_string(elapsed_time.count()) + "\n");
}

Seconds RunDir::ReadElapsed() const {
  const auto text = os::ReadFile(elapsed());
  return Seconds(text ? ParseInt(TrimAscii(*text)).value_or(0) : 0);
}

// Not synced: a machine that loses power loses the agent, too.
Status RunDir::NoteStarted(int attempt) const {
  VM0_ASSIGN(const os::Fd file, os::OpenForWriting(started(), O_CREAT | O_NOFOLLOW));
  return os::WriteAt(file.get(), std::to_string(attempt) + "\n", 0);
}

std::optional<int> RunDir::ReadStarted() const {
  const auto text = os::ReadFile(started(), 64);
  if (!text) return std::nullopt;
  // A note that was cut short is one of an attempt all the same.
  const auto attempt = ParseInt(TrimAscii(*text)).value_or(1);
  return static_cast<int>(std::clamp<std::int64_t>(attempt, 1, agent::kMostAttempts));
}

Status RunDir::Forget(Spool what) const {
  if (what == Spool::kRemove) VM0_TRY(os::Remove(spool()));
  (void)os::FaultFails("run_dir.forget");
  VM0_TRY(os::Remove(elapsed()));
  VM0_TRY(os::Remove(token()));
  (void)os::FaultFails("run_dir.forgotten_token");
  return os::Remove(spec());
}

}  // namespace vm0::supervisor
