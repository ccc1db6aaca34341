// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/deadline_list.h"
#include "http/stream_source.h"
#include "http/wire.h"

namespace vm0::http {

struct ServerContext;

// A connection that is nothing but a long answer any more. It is all that a waiting reader costs,
// so it is small, and no coroutine. Held by its own pending operations and by the queue of those
// that were woken. Loop thread only. Knows no HTTP but how chunks are framed.
class Stream final : public StreamWaker,
                     public DeadlineList::Entry,
                     public std::enable_shared_from_this<Stream> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  Stream(std::shared_ptr<ServerContext> context, Socket socket,
         std::unique_ptr<StreamSource> source);
  ~Stream() override;

  // Writes the head and what the source gives, until its last piece, or until the peer goes.
  // `input`: what has come behind the request. kChunked or kUntilClose.
  void Begin(std::string head, Framing framing, std::string_view input);
  // Its turn among those that were woken.
  void Go();
  // Ends it at once; the source is gone then.
  void Close();
  // Whether it may have something to write yet.
  bool is_active() const { return phase_ != Phase::kEnding && phase_ != Phase::kClosed; }

  void Wake() override;
  void OnDeadline() override;

 private:
  enum class Phase : std::uint8_t {
    kIdle,     // the source has nothing
    kQueued,   // has its turn soon
    kWriting,  // has it
    kFull,     // the peer does not take more
    kStalled,  // … for so long that the source was offered the rest
    kEnding,   // all is written, the peer has yet to close
    kClosed,
  };
  enum class Written { kAll, kSome, kBroken };

  void Write();
  Written WritePending();
  void Load(StreamPiece piece);
  bool Reload();
  void GiveBack();
  void AwaitRoom();
  void Rest();
  void Finish();
  void WatchPeer();
  void TakeInput();
  void SetPhase(Phase phase);
  // The connection is broken, with that errno.
  void Lose(int error);

  std::shared_ptr<ServerContext> context_;
  Socket socket_;
  std::unique_ptr<StreamSource> source_;
  // What is being written: before_, the piece, after_.
  std::string before_;
  StreamPiece piece_;
  std::string_view after_;
  std::size_t taken_ = 0;  // of the piece
  std::size_t owed_ = 0;   // the rest of a piece that was taken back
  bool is_loaded_ = false;
  Framing framing_ = Framing::kUntilClose;
  Phase phase_ = Phase::kIdle;
};

}  // namespace vm0::http
