// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace vm0::supervisor {

// One line of the agent's output, without its '\n'.
struct Line {
  std::string_view text;     // of a cut line only its beginning
  std::uint64_t length = 0;  // of the whole line, in bytes
  bool is_cut() const { return text.size() != length; }
};

// Makes lines of bytes that come in pieces of any size. Splits at '\n' only. Never holds more than
// `limit` bytes: of a longer line the first `kept` are given, with its true length.
class LineSplitter {
 public:
  using Sink = std::function<void(const Line&)>;
  LineSplitter(std::size_t limit, std::size_t kept) : limit_(limit), kept_(kept) {}

  // The views are valid during the call of `sink` only.
  void Feed(std::string_view bytes, const Sink& sink);
  // At the end: gives the last line if it had no '\n'.
  void Finish(const Sink& sink);
  std::size_t buffered() const { return buffer_.capacity(); }

 private:
  void Add(std::string_view piece);
  void Give(const Sink& sink);

  std::size_t limit_;
  std::size_t kept_;
  std::string buffer_;
  std::uint64_t length_ = 0;
};

}  // namespace vm0::supervisor
