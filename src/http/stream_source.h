// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace vm0::http {

// What a stream writes next. The bytes may be shared with other streams: nothing is copied.
struct StreamPiece {
  std::shared_ptr<const std::string> bytes = nullptr;
  std::size_t offset = 0;  // where in `bytes` this piece begins
  bool is_last = false;    // nothing comes after it

  // Empty and not the last one: there is nothing to write now.
  bool empty() const { return !bytes || offset >= bytes->size(); }
};

// Has a stream ask its source again.
class StreamWaker {
 public:
  virtual ~StreamWaker() = default;
  // There is something to write. The stream asks later, not inside of this call.
  virtual void Wake() = 0;
};

// Where the bytes of a long answer come from. They are pulled: a stream asks for more only when its
// peer has taken all that came before, so a peer that does not read costs nothing. Owned by its
// stream, which outlives it. Loop thread only.
class StreamSource {
 public:
  virtual ~StreamSource() = default;
  // Once, before all else.
  virtual void Begin(StreamWaker& waker) = 0;
  // The next piece. After an empty one the stream asks again when it was woken.
  virtual StreamPiece Next() = 0;
  // The peer has stopped reading after `taken` bytes of the last piece. True when the source can do
  // without the stream holding the rest: Next then gives exactly that rest.
  virtual bool TakeBack(std::size_t taken) = 0;
  // Nothing was written for a while (kSilence): what keeps the connection alive.
  virtual StreamPiece OnSilence() = 0;
  // Bytes from the peer, which most streams have no use for.
  virtual void Receive(std::string_view) {}
};

}  // namespace vm0::http
