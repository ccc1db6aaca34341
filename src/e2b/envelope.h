// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vm0::e2b {

// The messages of a Connect stream (connectrpc.com/docs/protocol, "Enveloped-Message"): a byte of
// flags, the length in four bytes, big-endian, the message.
struct Envelope {
  // Of the last one, which says how the call went.
  static constexpr unsigned char kEndStream = 0x02;
  static constexpr unsigned char kCompressed = 0x01;

  unsigned char flags = 0;
  std::string message;
};

std::string FormatEnvelope(const Envelope& envelope);

// Takes a stream in pieces of any size, gives whole messages.
class EnvelopeParser {
 public:
  // kPayloadTooLarge for one of more than 16 MiB; kUnreachable for one that is compressed, which we
  // never ask for.
  Result<std::vector<Envelope>> Feed(std::string_view bytes);
  // Whether a message is there in part.
  bool is_inside() const { return !rest_.empty(); }

 private:
  std::string rest_;
};

}  // namespace vm0::e2b
