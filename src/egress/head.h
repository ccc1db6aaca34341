// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vm0::egress {

struct Field {
  std::string name;
  std::string value;
};

// The fields of a message, in the order they came. Names compare without case.
class Fields {
 public:
  void Add(std::string name, std::string value);
  std::vector<std::string_view> All(std::string_view name) const;
  bool Has(std::string_view name) const { return !All(name).empty(); }
  const std::vector<Field>& list() const { return list_; }

 private:
  std::vector<Field> list_;
};
bool SameName(std::string_view a, std::string_view b);

struct RequestHead {
  std::string method;
  std::string target;
  int minor_version = 1;  // of HTTP/1.x
  Fields fields;
};
struct ResponseHead {
  int status = 0;
  int minor_version = 1;
  Fields fields;
};

inline constexpr std::size_t kMaxRequestHead = 32 << 10;
inline constexpr std::size_t kMaxResponseHead = 64 << 10;

// Takes a message's head from the start of `input`; nullopt when it is not all there yet. Strict:
// kBadRequest for whatever two readers could take for different messages (bare CR or LF, folded
// lines, blanks before a colon, characters that have no place there), kHeadersTooLarge above the
// limit.
Result<std::optional<RequestHead>> TakeRequestHead(std::string& input);
Result<std::optional<ResponseHead>> TakeResponseHead(std::string& input);

// How a body ends.
struct Framing {
  enum class Kind { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // kLength
};
// kBadRequest when the head does not tell for sure.
Result<Framing> FramingOf(const RequestHead& head);
// `method` of the request.
Result<Framing> FramingOf(const ResponseHead& head, std::string_view method);

// Whether the sender goes on after this message, by its version and Connection.
bool WantsToStay(int minor_version, const Fields& fields);

// The fields that are for the next one, not for this connection: without Connection and what it
// names, what frames the message, Host, Upgrade, proxy's own, Expect.
std::vector<Field> EndToEnd(const Fields& fields);

}  // namespace vm0::egress
