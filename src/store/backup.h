// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

// The file that `vm0 backup` writes: docs/retention.md has its format.
namespace vm0::store {

// What a backup holds beside the database.
struct BackupHeader {
  std::string created_at;  // as in the API
  std::string vm0;         // the version that made it
  std::string machine;     // whose runs the database's running ones are: <data-dir>/machine-id
  std::string secret_key;  // <data-dir>/secret.key, raw
  std::int64_t database_bytes = 0;
};

// BLAKE2b-256 over bytes that come in pieces. One use; not thread-safe.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  void Add(std::string_view bytes);
  std::string Hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What comes before the database's bytes.
std::string FormatBackupHeader(const BackupHeader& header);
// What comes after them: the digest of all before it.
std::string FormatBackupEnd(Digest& digest);

// Reads a backup that comes in pieces. Whoever reads a backup owns one: client and restore. Keeps
// no database bytes. Any one thread. Errors are kBadRequest and say what is wrong with it.
class BackupCheck {
 public:
  // Those of the bytes that are the database's, a part of `bytes`.
  Result<std::string_view> Take(std::string_view bytes);
  // When nothing more comes: whether it was all there, and as it was written.
  Status Finish();
  // As soon as it has come.
  const std::optional<BackupHeader>& header() const { return header_; }

 private:
  // Takes what belongs to the header off `bytes`.
  Status TakeHeader(std::string_view& bytes);

  Digest digest_;
  std::string head_;  // until it is whole
  std::optional<BackupHeader> header_;
  std::int64_t database_bytes_ = 0;  // that have come
  std::string end_;
};

}  // namespace vm0::store
