// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "agent/spec.h"
#include "base/result.h"
#include "base/time.h"

namespace vm0::supervisor {

// spec.json: what the runner claimed.
struct StoredRun {
  std::string run_id;
  int attempt = 0;
  std::string server;  // URL; where supervisor and burier find the API
  agent::RunSpec spec;
};
// JSON, version 1; the spec as the server gave it.
std::string FormatStoredRun(const StoredRun& run, const json::object& spec);
// kBadRequest naming the field, or the version when it is not 1.
Result<StoredRun> ParseStoredRun(std::string_view text);

// runs/<id>/: the files of a run (docs/protocol.md 1), by name, or through a pinned directory (then
// run_id() is not the run's). A value; its functions block.
class RunDir {
 public:
  explicit RunDir(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::string run_id() const { return path_.filename(); }
  std::filesystem::path lock() const { return path_ / "lock"; }
  std::filesystem::path spec() const { return path_ / "spec.json"; }
  std::filesystem::path token() const { return path_ / "token"; }
  std::filesystem::path uid() const { return path_ / "uid"; }
  std::filesystem::path spool() const { return path_ / "spool"; }
  std::filesystem::path elapsed() const { return path_ / "elapsed"; }
  std::filesystem::path started() const { return path_ / "started"; }
  std::filesystem::path log() const { return path_ / "supervisor.log"; }
  std::filesystem::path workspace() const { return path_ / "workspace"; }
  std::filesystem::path home() const { return path_ / "home"; }
  std::filesystem::path tmp() const { return path_ / "tmp"; }
  // The workspace as an archive, to be fetched (hand_over.h).
  std::filesystem::path result() const { return path_ / "result.tar.gz"; }

  // kNotFound when there is nothing left to ship.
  Result<StoredRun> ReadSpec() const;
  Result<std::string> ReadToken() const;
  // The run's user; nullopt when the agent runs as ourselves.
  Result<std::optional<uid_t>> ReadUid() const;
  Status WriteElapsed(Seconds elapsed) const;
  // Zero when nothing was written.
  Seconds ReadElapsed() const;

  // Before the agent is executed: of which attempt it is. Stays as long as the directory.
  Status NoteStarted(int attempt) const;
  // The attempt that was allowed to start its agent; nullopt when none was, as far as noted.
  std::optional<int> ReadStarted() const;

  // After the end is acknowledged: spool, elapsed and token go; spec.json last, since without it
  // there is nothing left to ship.
  enum class Spool { kRemove, kKeep };
  Status Forget(Spool spool) const;

 private:
  std::filesystem::path path_;
};

}  // namespace vm0::supervisor
