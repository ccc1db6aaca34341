// SPDX-License-Identifier: Apache-2.0
#include "store/backup.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

#include "base/json.h"
#include "base/text.h"

namespace vm0::store {
namespace {

constexpr std::string_view kFirstLine = "vm0-backup v=1\n";
constexpr std::string_view kAnyVersion = "vm0-backup v=";
constexpr std::size_t kMostHeader = 64 << 10;
constexpr std::size_t kEndSize = 2 * crypto_generichash_BYTES + 1;  // hex and a line break

std::unexpected<Error> NoBackup(const std::string& why) { return Fail(Code::kBadRequest, why); }

Result<BackupHeader> ParseHeader(std::string_view line) {
  VM0_ASSIGN(const json::object object, ParseJsonObject(line, "the backup's header"));
  BackupHeader header;
  header.created_at = StringMember(object, "createdAt").value_or("");
  header.vm0 = StringMember(object, "vm0").value_or("");
  header.machine = StringMember(object, "machine").value_or("");
  header.secret_key = Base64Decode(StringMember(object, "secretKey").value_or("")).value_or("");
  const json::value* size = Member(object, "databaseBytes");
  if (header.machine.empty() || header.secret_key.empty() || size == nullptr || !size->is_int64() ||
      size->get_int64() < 1)
    return NoBackup("it is damaged: its header lacks machine, secretKey or databaseBytes");
  header.database_bytes = size->get_int64();
  return header;
}

}  // namespace

struct Digest::State {
  crypto_generichash_state hash;
};

Digest::Digest() : state_(std::make_unique<State>()) {
  if (sodium_init() < 0) std::abort();  // as SecretBox
  crypto_generichash_init(&state_->hash, nullptr, 0, crypto_generichash_BYTES);
}

Digest::~Digest() = default;

void Digest::Add(std::string_view bytes) {
  crypto_generichash_update(&state_->hash, reinterpret_cast<const unsigned char*>(bytes.data()),
                            bytes.size());
}

std::string Digest::Hex() {
  std::string hash(crypto_generichash_BYTES, '\0');
  crypto_generichash_final(&state_->hash, reinterpret_cast<unsigned char*>(hash.data()),
                           hash.size());
  return HexEncode(hash);
}

std::string FormatBackupHeader(const BackupHeader& header) {
  const json::object object{{"createdAt", header.created_at},
                            {"vm0", header.vm0},
                            {"machine", header.machine},
                            {"secretKey", Base64Encode(header.secret_key)},
                            {"databaseBytes", header.database_bytes}};
  return std::string(kFirstLine) + ToJson(json::value(object)) + "\n";
}

std::string FormatBackupEnd(Digest& digest) { return digest.Hex() + "\n"; }

Status BackupCheck::TakeHeader(std::string_view& bytes) {
  const std::size_t before = head_.size();
  head_ += bytes.substr(0, kMostHeader);
  const std::string_view start = std::string_view(head_).substr(0, kFirstLine.size());
  if (start != kFirstLine.substr(0, start.size())) {
    if (start.starts_with(kAnyVersion))
      return NoBackup(
          "it is of another version than v=1: use the vm0 that wrote it, or a newer one");
    return NoBackup("it is no backup of vm0: it does not begin with \"vm0-backup v=1\"");
  }
  const std::size_t end = head_.find('\n', kFirstLine.size());
  if (end == std::string::npos) {
    if (head_.size() > kMostHeader) return NoBackup("it is damaged: its header does not end");
    bytes = {};
    return {};
  }
  head_.resize(end + 1);
  bytes.remove_prefix(head_.size() - before);
  VM0_ASSIGN(header_, ParseHeader(std::string_view(head_).substr(kFirstLine.size())));
  digest_.Add(head_);
  return {};
}

Result<std::string_view> BackupCheck::Take(std::string_view bytes) {
  if (!header_) VM0_TRY(TakeHeader(bytes));
  if (!header_) return std::string_view();
  const auto missing = static_cast<std::size_t>(header_->database_bytes - database_bytes_);
  const std::string_view database = bytes.substr(0, missing);
  digest_.Add(database);
  database_bytes_ += static_cast<std::int64_t>(database.size());
  end_ += bytes.substr(database.size(), kEndSize + 1);
  if (end_.size() > kEndSize) return NoBackup("it is damaged: something was added to its end");
  return database;
}

Status BackupCheck::Finish() {
  if (!header_) return NoBackup("it is cut off in its header");
  if (database_bytes_ < header_->database_bytes)
    return NoBackup("it is cut off: " + std::to_string(database_bytes_) + " of " +
                    std::to_string(header_->database_bytes) + " bytes of its database are there");
  if (end_.size() < kEndSize) return NoBackup("it is cut off: its checksum is missing");
  if (end_ != FormatBackupEnd(digest_))
    return NoBackup("it is damaged: its checksum is another one; use another backup");
  return {};
}

}  // namespace vm0::store
