// SPDX-License-Identifier: Apache-2.0
#include "egress/body.h"

#include <algorithm>
#include <charconv>

#include "http/wire.h"

namespace vm0::egress {
namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxTrailer = 16 << 10;
constexpr std::size_t kMaxSizeDigits = 15;

std::unexpected<Error> Bad(std::string message) {
  return Fail(Code::kBadRequest, std::move(message));
}

Result<std::uint64_t> ParseChunkSize(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find(';'));
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), size, 16);
  if (digits.empty() || digits.size() > kMaxSizeDigits || error != std::errc() ||
      end != digits.end()) {
    return Bad("the size of a chunk is no hexadecimal number");
  }
  return size;
}

}  // namespace

BodyDecoder::BodyDecoder(Framing framing) : state_(State::kDone), left_(framing.length) {
  if (framing.kind == Framing::Kind::kLength && left_ > 0) state_ = State::kLength;
  if (framing.kind == Framing::Kind::kChunked) state_ = State::kSizeLine;
  if (framing.kind == Framing::Kind::kUntilClose) state_ = State::kUntilClose;
}

Result<std::size_t> BodyDecoder::Put(std::string_view input, std::string& out) {
  std::size_t taken = 0;
  while (taken < input.size() && !done()) {
    const std::string_view rest = input.substr(taken);
    const bool content =
        state_ == State::kLength || state_ == State::kUntilClose || state_ == State::kChunk;
    if (content) {
      taken += TakeContent(rest, out);
      continue;
    }
    VM0_ASSIGN(const std::size_t count, TakeLine(rest));
    taken += count;
  }
  return taken;
}

Status BodyDecoder::PutEnd() {
  if (state_ == State::kUntilClose) state_ = State::kDone;
  if (done()) return {};
  return Fail(Code::kUnreachable, "the connection was closed in the middle of the body");
}

std::size_t BodyDecoder::TakeContent(std::string_view input, std::string& out) {
  if (state_ == State::kUntilClose) {
    out += input;
    return input.size();
  }
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  out += input.substr(0, size);
  left_ -= size;
  if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kChunkEnd;
  return size;
}

Result<std::size_t> BodyDecoder::TakeLine(std::string_view input) {
  const std::size_t end = input.find('\n');
  const std::size_t size = end == std::string_view::npos ? input.size() : end + 1;
  if (line_.size() + size > kMaxLine) return Bad("a line between chunks is too long");
  line_ += input.substr(0, size);
  if (end == std::string_view::npos) return size;
  const bool strict = line_.ends_with("\r\n") && line_.find('\r') == line_.size() - 2;
  if (!strict || line_.contains('\0')) return Bad("lines between chunks must end with CR LF");
  line_.resize(line_.size() - 2);
  VM0_TRY(EndLine());
  line_.clear();
  return size;
}

Status BodyDecoder::EndLine() {
  if (state_ == State::kChunkEnd) {
    if (!line_.empty()) return Bad("a chunk is longer than its size says");
    state_ = State::kSizeLine;
  } else if (state_ == State::kSizeLine) {
    VM0_ASSIGN(left_, ParseChunkSize(line_));
    state_ = left_ > 0 ? State::kChunk : State::kTrailer;
  } else if (line_.empty()) {
    state_ = State::kDone;
  } else {
    trailer_ += line_.size();
    if (trailer_ > kMaxTrailer) return Bad("the trailers are too long");
  }
  return {};
}

std::string FormatChunk(std::string_view piece) {
  std::string chunk = http::FormatChunkSize(piece.size());
  return chunk.append(piece).append("\r\n");
}

}  // namespace vm0::egress
