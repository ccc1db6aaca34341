// SPDX-License-Identifier: Apache-2.0
#include "event/checksum.h"

#include <sodium.h>

#include <array>
#include <bit>

namespace vm0::event {

std::int64_t RecordChecksum(const Uuid& run, std::string_view record_line) {
  static_assert(sizeof(run.bytes) == crypto_shorthash_KEYBYTES);
  std::array<unsigned char, crypto_shorthash_BYTES> sum{};
  crypto_shorthash(sum.data(), reinterpret_cast<const unsigned char*>(record_line.data()),
                   record_line.size(), run.bytes.data());
  return std::bit_cast<std::int64_t>(sum);
}

}  // namespace vm0::event
