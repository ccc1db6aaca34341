// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace vm0::http {

// How the body of an answer ends.
enum class Framing { kLength, kChunked, kUntilClose, kNone };

struct ResponseHead {
  int status;
  Framing framing;
  std::size_t length = 0;  // for kLength
  // The value of Connection; empty for none.
  std::string_view connection = {};
};
// Status line and fields up to the empty line. The fields that frame the message are ours: those of
// `headers` are left out. Control characters in values are dropped.
std::string FormatResponseHead(const ResponseHead& head, const Headers& headers);

// Request line and fields up to the empty line, with Host unless the request has one, and with
// "Connection: Upgrade" if it has a field Upgrade. `body_size` is for a body that is not in the
// request.
std::string FormatRequestHead(const Request& request, std::string_view base_path,
                              std::string_view host,
                              std::optional<std::size_t> body_size = std::nullopt);

// "1f\r\n": what goes before a chunk of that many bytes.
std::string FormatChunkSize(std::size_t size);

}  // namespace vm0::http
