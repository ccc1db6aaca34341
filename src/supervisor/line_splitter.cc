// SPDX-License-Identifier: Apache-2.0
#include "supervisor/line_splitter.h"

namespace vm0::supervisor {
namespace {

constexpr std::size_t kRoomToKeep = 256 << 10;  // between lines; more goes back to the system

}  // namespace

void LineSplitter::Feed(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return Add(bytes);
    const std::string_view piece = bytes.substr(0, end);
    if (length_ == 0 && piece.size() <= limit_) {
      sink({piece, piece.size()});
    } else {
      Add(piece);
      Give(sink);
    }
    bytes.remove_prefix(end + 1);
  }
}

void LineSplitter::Finish(const Sink& sink) {
  if (length_ > 0) Give(sink);
}

void LineSplitter::Add(std::string_view piece) {
  length_ += piece.size();
  if (length_ <= limit_) {
    buffer_.append(piece);
    return;
  }
  if (buffer_.size() < kept_) buffer_.append(piece.substr(0, kept_ - buffer_.size()));
  if (buffer_.size() > kept_) buffer_.resize(kept_);
  if (buffer_.capacity() > kept_ + kRoomToKeep) buffer_.shrink_to_fit();
}

void LineSplitter::Give(const Sink& sink) {
  sink({buffer_, length_});
  buffer_.clear();
  length_ = 0;
  if (buffer_.capacity() > kRoomToKeep) buffer_.shrink_to_fit();
}

}  // namespace vm0::supervisor
