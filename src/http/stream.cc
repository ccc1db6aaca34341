// SPDX-License-Identifier: Apache-2.0
#include "http/stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <iostream>
#include <utility>

#include "http/session.h"
#include "http/socket_write.h"

namespace vm0::http {
namespace {

bool IsSilence(int error) {
  return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
}

}  // namespace

Stream::Stream(std::shared_ptr<ServerContext> context, Socket socket,
               std::unique_ptr<StreamSource> source)
    : context_(std::move(context)), socket_(std::move(socket)), source_(std::move(source)) {
  context_->streams.Add(*this);
}

Stream::~Stream() { context_->streams.Remove(*this); }

void Stream::Begin(std::string head, Framing framing, std::string_view input) {
  before_ = std::move(head);
  framing_ = framing;
  source_->Begin(*this);
  if (!input.empty()) source_->Receive(input);
  WatchPeer();
  Wake();
}

void Stream::Close() {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();
  SetPhase(Phase::kClosed);
  boost::system::error_code ignored;
  socket_.close(ignored);
  piece_ = {};
  source_.reset();
}

void Stream::SetPhase(Phase phase) {
  const bool was_active = is_active();
  phase_ = phase;
  StopDeadline();
  if (was_active && !is_active()) context_->streams.OnInactive();
}

// --- Writing ---

void Stream::Wake() {
  if (phase_ != Phase::kIdle) return;  // it asks by itself, later
  SetPhase(Phase::kQueued);
  context_->streams.Enqueue(shared_from_this());
}

void Stream::Go() {
  if (phase_ == Phase::kQueued) Write();
}

void Stream::Write() {
  // A wake that came while the peer took nothing was passed over.
  bool may_have_missed = phase_ == Phase::kFull || phase_ == Phase::kStalled;
  SetPhase(Phase::kWriting);
  try {
    if (owed_ > 0 && !Reload()) return Close();
    for (std::size_t written = 0; written < kYieldAfter; written += taken_) {
      if (!is_loaded_) Load(source_->Next());
      switch (WritePending()) {
        case Written::kBroken:
          return Lose(errno);
        case Written::kSome:
          return AwaitRoom();
        case Written::kAll:
          break;
      }
      if (piece_.is_last) return Finish();
      if (piece_.empty() && !std::exchange(may_have_missed, false)) return Rest();
    }
  } catch (const std::exception& exception) {
    std::clog << "http: a stream: " << exception.what() << '\n';
    return Close();
  }
  SetPhase(Phase::kQueued);
  context_->streams.Enqueue(shared_from_this());
}

void Stream::Rest() {
  piece_ = {};
  SetPhase(Phase::kIdle);
  context_->streams.silences().Restart(*this);
}

void Stream::Load(StreamPiece piece) {
  const std::size_t size = piece.empty() ? 0 : piece.bytes->size() - piece.offset;
  piece_ = std::move(piece);
  taken_ = 0;
  is_loaded_ = true;
  if (framing_ != Framing::kChunked) return;
  if (size > 0) before_ += FormatChunkSize(size);
  after_ = size > 0 ? "\r\n" : "";
  if (piece_.is_last) after_ = size > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n";
}

Stream::Written Stream::WritePending() {
  const std::string_view bytes = piece_.bytes ? std::string_view(*piece_.bytes) : "";
  WriteParts parts = {before_, bytes.substr(std::min(piece_.offset + taken_, bytes.size())),
                      after_};
  for (;;) {
    const std::size_t rest = parts[0].size() + parts[1].size() + parts[2].size();
    if (rest == 0) break;
    const std::size_t before = parts[1].size();
    const auto count = SendSome(socket_.native_handle(), parts);
    taken_ += before - parts[1].size();
    if (!count) return Written::kBroken;
    if (*count == 0) {
      before_.erase(0, before_.size() - parts[0].size());
      after_ = parts[2];
      return Written::kSome;
    }
  }
  before_ = {};
  after_ = {};
  is_loaded_ = false;
  return Written::kAll;
}

void Stream::AwaitRoom() {
  SetPhase(Phase::kFull);
  context_->streams.lulls().Restart(*this);
  socket_.async_wait(Socket::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (error || self->phase_ == Phase::kClosed) return;
                       self->Write();
                     });
}

// The rest of what is being written goes back to the source, where it can do with that.
void Stream::GiveBack() {
  const std::size_t size = piece_.empty() ? 0 : piece_.bytes->size() - piece_.offset;
  if (size == taken_ || !source_->TakeBack(taken_)) return;
  owed_ = size - taken_;
  piece_.bytes = nullptr;
}

// What was given back, once more.
bool Stream::Reload() {
  StreamPiece rest = source_->Next();
  const std::size_t owed = std::exchange(owed_, 0);
  // Anything else, such as an error, would look as if it were a part of what was begun.
  if (rest.empty() || rest.bytes->size() - rest.offset != owed || rest.is_last != piece_.is_last)
    return false;
  piece_ = std::move(rest);
  taken_ = 0;
  return true;
}

void Stream::Finish() {
  source_.reset();
  piece_ = {};
  SetPhase(Phase::kEnding);
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  // Closing at once would reset the connection if the peer has sent something, and take the last
  // bytes from it.
  context_->streams.endings().Restart(*this);
}

// --- The peer ---

void Stream::WatchPeer() {
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (error || self->phase_ == Phase::kClosed) return;
                       self->TakeInput();
                     });
}

void Stream::TakeInput() {
  std::string& buffer = context_->receive_buffer;
  const auto count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count == 0 || (count < 0 && !WouldBlock(errno))) return Lose(count == 0 ? 0 : errno);
  if (count > 0 && source_) {
    source_->Receive(std::string_view(buffer).substr(0, static_cast<std::size_t>(count)));
  }
  WatchPeer();
}

void Stream::Lose(int error) {
  if (IsSilence(error)) ++context_->streams.counts().lost;
  Close();
}

void Stream::OnDeadline() {
  switch (phase_) {
    case Phase::kIdle:
      Load(source_->OnSilence());
      return Write();
    case Phase::kFull:
      GiveBack();
      SetPhase(Phase::kStalled);
      return context_->streams.stalls().Restart(*this);
    case Phase::kStalled:
      ++context_->streams.counts().stalled;
      return Close();
    case Phase::kEnding:
      return Close();
    case Phase::kQueued:
    case Phase::kWriting:
    case Phase::kClosed:
      return;  // without a deadline
  }
}

}  // namespace vm0::http
