// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "egress/head.h"

namespace vm0::egress {

// Takes a body out of its framing, in pieces of any size. Extensions of chunks and trailers are
// left out.
class BodyDecoder {
 public:
  explicit BodyDecoder(Framing framing);

  // How many bytes of `input` it took; what they hold goes behind `out`. Takes nothing once it is
  // done. kBadRequest for chunks that are not strictly by the rules.
  Result<std::size_t> Put(std::string_view input, std::string& out);
  // The connection has ended: fine for kUntilClose, kUnreachable otherwise.
  Status PutEnd();
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kLength, kUntilClose, kSizeLine, kChunk, kChunkEnd, kTrailer, kDone };

  std::size_t TakeContent(std::string_view input, std::string& out);
  Result<std::size_t> TakeLine(std::string_view input);
  Status EndLine();

  State state_;
  std::uint64_t left_ = 0;   // of the body or the chunk
  std::string line_;         // what has come of a line
  std::size_t trailer_ = 0;  // bytes of trailers so far
};

// Puts a piece of a body into its framing; for a chunked one the empty piece is the end.
std::string FormatChunk(std::string_view piece);

}  // namespace vm0::egress
