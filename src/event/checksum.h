// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/id.h"

namespace vm0::event {

// A checksum of one record of one run (`run`: the id's 16 bytes, the key): SipHash-2-4. Tells which
// record was damaged where the hash chain only tells that one was; no defence against somebody who
// computes it anew.
std::int64_t RecordChecksum(const Uuid& run, std::string_view record_line);

}  // namespace vm0::event
