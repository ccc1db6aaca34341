// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vm0::store {

// Names and values of a run's secrets.
using Secrets = std::map<std::string, std::string>;
// A secret of a run that is no variable of its agent, only masked, has a name that no variable can
// have: its own after a '='.
inline std::string MaskedOnly(const std::string& name) { return "=" + name; }
inline bool IsMaskedOnly(std::string_view name) { return name.starts_with('='); }

// Encrypts secrets at rest: libsodium secretbox (XSalsa20-Poly1305) with a key in a file of mode
// 0600. A value; keep one per server.
class SecretBox {
 public:
  // Reads the key, or makes it. kIo when the file has another length or others may read it.
  static Result<SecretBox> Open(const std::filesystem::path& key_file);
  ~SecretBox();  // wipes the key
  SecretBox(const SecretBox&) = default;
  SecretBox& operator=(const SecretBox&) = default;

  // For a backup.
  const std::string& key() const { return key_; }
  // nonce ‖ ciphertext; empty for no secrets.
  std::string Seal(const Secrets& secrets) const;
  // kIo when it was not sealed with this key.
  Result<Secrets> Unseal(std::string_view sealed) const;

 private:
  explicit SecretBox(std::string key) : key_(std::move(key)) {}
  std::string key_;
};

// A new token with that prefix ("vm0_live_", "vm0_run_"): 32 random bytes in base64url.
std::string NewToken(std::string_view prefix);
// What is stored of a token: BLAKE2b-256, hex.
std::string HashToken(std::string_view token);

}  // namespace vm0::store
