// SPDX-License-Identifier: Apache-2.0
#include "store/secret_box.h"

#include <sodium.h>
#include <sys/stat.h>

#include <cassert>
#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "os/file.h"
#include "os/random.h"

namespace vm0::store {
namespace {

// The clear text of version 1: the byte 1, then name and value in turn, each as its length (4
// bytes, little endian) and its bytes. No text format, so that any byte may be in a value.
constexpr char kVersion = 1;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

void InitSodium() {
  if (sodium_init() < 0) std::abort();  // no random numbers: no machine of ours
}

void Put(std::string& out, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(size >> shift);
  out += text;
}

bool Take(std::string_view& in, std::string& text) {
  if (in.size() < 4) return false;
  std::uint32_t size = 0;
  for (int i = 3; i >= 0; --i) size = size << 8 | static_cast<unsigned char>(in[i]);
  in.remove_prefix(4);
  if (in.size() < size) return false;
  text = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

std::size_t ClearSize(const Secrets& secrets) {
  std::size_t size = 1;
  for (const auto& [name, value] : secrets) size += 8 + name.size() + value.size();
  return size;
}

Result<Secrets> Decode(std::string_view clear) {
  Secrets secrets;
  const Error unknown{Code::kIo, "sealed secrets: written by another version of vm0"};
  if (clear.empty() || clear[0] != kVersion) return Fail(unknown);
  clear.remove_prefix(1);
  while (!clear.empty()) {
    std::string name;
    std::string value;
    if (!Take(clear, name) || !Take(clear, value)) return Fail(unknown);
    secrets.emplace(std::move(name), std::move(value));
  }
  return secrets;
}

Status CheckMode(const std::filesystem::path& key_file) {
  struct stat found {};
  if (::stat(key_file.c_str(), &found) != 0) return Fail(SystemError("stat", key_file.native()));
  if ((found.st_mode & 077) != 0) {
    return Fail(Code::kIo, key_file.native() + ": others may read this key; chmod 600 it");
  }
  return {};
}

}  // namespace

Result<SecretBox> SecretBox::Open(const std::filesystem::path& key_file) {
  InitSodium();
  auto key = os::ReadFile(key_file);
  if (!key && key.error().code == Code::kNotFound) {
    key = os::RandomBytes(crypto_secretbox_KEYBYTES);
    VM0_TRY(os::WriteFileAtomic(key_file, *key));
  }
  if (!key) return std::unexpected(std::move(key).error());
  SecretBox box(std::move(*key));
  VM0_TRY(CheckMode(key_file));
  if (box.key_.size() != crypto_secretbox_KEYBYTES) {
    return Fail(Code::kIo, key_file.native() + ": not a key of " +
                               std::to_string(crypto_secretbox_KEYBYTES) +
                               " bytes; restore it, or remove it to give up the secrets of all "
                               "runs that have not ended");
  }
  return box;
}

SecretBox::~SecretBox() { sodium_memzero(key_.data(), key_.size()); }

std::string SecretBox::Seal(const Secrets& secrets) const {
  if (secrets.empty()) return "";
  std::string clear;
  clear.reserve(ClearSize(secrets));  // no copy of a value stays behind in memory that was given up
  clear += kVersion;
  for (const auto& [name, value] : secrets) {
    Put(clear, name);
    Put(clear, value);
  }
  std::string sealed = os::RandomBytes(crypto_secretbox_NONCEBYTES);
  sealed.resize(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + clear.size());
  crypto_secretbox_easy(Bytes(sealed) + crypto_secretbox_NONCEBYTES, Bytes(clear), clear.size(),
                        Bytes(sealed), Bytes(key_));
  sodium_memzero(clear.data(), clear.size());
  return sealed;
}

Result<Secrets> SecretBox::Unseal(std::string_view sealed) const {
  if (sealed.empty()) return Secrets{};
  constexpr std::size_t kOverhead = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
  const Error refused{Code::kIo, "sealed secrets: damaged, or sealed with another secret.key"};
  if (sealed.size() < kOverhead) return Fail(refused);
  const std::string_view box = sealed.substr(crypto_secretbox_NONCEBYTES);
  std::string clear(sealed.size() - kOverhead, '\0');
  if (crypto_secretbox_open_easy(Bytes(clear), Bytes(box), box.size(), Bytes(sealed),
                                 Bytes(key_)) != 0) {
    return Fail(refused);
  }
  auto secrets = Decode(clear);
  sodium_memzero(clear.data(), clear.size());
  return secrets;
}

std::string NewToken(std::string_view prefix) {
  return std::string(prefix) + Base64UrlEncode(os::RandomBytes(32));
}

std::string HashToken(std::string_view token) {
  InitSodium();
  std::string hash(32, '\0');
  crypto_generichash(Bytes(hash), hash.size(), Bytes(token), token.size(), nullptr, 0);
  return HexEncode(hash);
}

}  // namespace vm0::store
