// SPDX-License-Identifier: Apache-2.0
#include "e2b/envelope.h"

#include <cstdint>
#include <utility>

namespace vm0::e2b {
namespace {

constexpr std::size_t kHead = 5;
constexpr std::size_t kMost = 16 << 20;

std::size_t LengthIn(std::string_view head) {
  std::uint32_t length = 0;
  for (const char byte : head.substr(1, 4)) length = length << 8 | static_cast<unsigned char>(byte);
  return length;
}

}  // namespace

std::string FormatEnvelope(const Envelope& envelope) {
  std::string out(1, static_cast<char>(envelope.flags));
  const auto length = static_cast<std::uint32_t>(envelope.message.size());
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xff);
  return out + envelope.message;
}

Result<std::vector<Envelope>> EnvelopeParser::Feed(std::string_view bytes) {
  rest_ += bytes;
  std::vector<Envelope> envelopes;
  std::string_view left = rest_;
  while (left.size() >= kHead) {
    const auto flags = static_cast<unsigned char>(left.front());
    const std::size_t length = LengthIn(left);
    if (length > kMost) {
      return Fail(Code::kPayloadTooLarge,
                  "a message of " + std::to_string(length) + " bytes: more than 16 MiB");
    }
    if ((flags & Envelope::kCompressed) != 0) {
      return Fail(Code::kUnreachable, "a message is compressed, which was not asked for");
    }
    if (left.size() < kHead + length) break;
    envelopes.push_back({flags, std::string(left.substr(kHead, length))});
    left.remove_prefix(kHead + length);
  }
  rest_.erase(0, rest_.size() - left.size());
  return envelopes;
}

}  // namespace vm0::e2b
