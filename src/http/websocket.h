// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"
#include "http/stream_source.h"

// WebSocket (RFC 6455), as far as a stream of text messages needs it. Without extensions.
namespace vm0::http {

enum class WebSocketOpcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

// Why a connection was closed, RFC 6455 section 7.4; 4000 to 4999 belong to the application.
namespace close_code {
inline constexpr int kNormal = 1000;
inline constexpr int kGoingAway = 1001;
inline constexpr int kProtocolError = 1002;
inline constexpr int kUnsupportedData = 1003;
inline constexpr int kTooBig = 1009;
inline constexpr int kInternal = 1011;
inline constexpr int kNoPong = 4408;
}  // namespace close_code

// One whole frame, as a server sends it.
void AppendWebSocketFrame(std::string& out, WebSocketOpcode opcode, std::string_view payload);
// The same as a client sends it: what it says is masked, with a mask that nobody can foresee.
void AppendMaskedFrame(std::string& out, WebSocketOpcode opcode, std::string_view payload,
                       std::array<unsigned char, 4> mask);
// The payload of a close frame; the reason is cut at 123 bytes.
std::string FormatClose(int code, std::string_view reason);

// Takes the bytes of a connection in pieces of any size, gives whole messages: fragments are put
// together, control messages come between them.
class WebSocketParser {
 public:
  struct Message {
    WebSocketOpcode opcode;  // never kContinuation
    std::string payload;     // without mask
  };
  enum class From { kClient, kServer };  // whose bytes they are: a client's are masked, no others
  WebSocketParser(From from, std::size_t message_limit);

  // kBadRequest for what is no WebSocket, with the close code as its number. Nothing after that.
  Result<std::vector<Message>> Feed(std::string_view bytes);

 private:
  struct Header {
    bool is_final;
    WebSocketOpcode opcode;
    std::uint64_t length;
    std::size_t size;  // of the header itself, with the mask
    std::array<unsigned char, 4> mask;
  };
  Result<std::optional<Header>> ReadHeader() const;
  Status Check(const Header& header) const;
  Status TakeFrames(std::vector<Message>& messages);
  void TakeFrame(const Header& header, std::vector<Message>& messages);

  const From from_;
  const std::size_t message_limit_;
  std::string input_;
  std::size_t begin_ = 0;        // of what was not taken
  std::optional<Message> open_;  // a message whose last fragment has not come
};

// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string WebSocketAccept(std::string_view key);
// The head that accepts a request for WebSocket; of the subprotocols that it offers `protocol` is
// chosen, if it is there. kBadRequest when it is no such request by GET, or one of another version
// than 13.
Result<Response> AcceptWebSocket(const Request& request, std::string_view protocol);
// The comma-separated values of Sec-WebSocket-Protocol, and whether one of them is there.
std::vector<std::string_view> OfferedProtocols(const Request& request);
bool Offers(const Request& request, std::string_view protocol);

// Makes a stream of frames (which are text and close frames, each piece whole ones) a WebSocket:
// answers pings and closes, pings after a silence, and gives up after two pings without a word.
std::unique_ptr<StreamSource> MakeWebSocketSource(std::unique_ptr<StreamSource> frames);

}  // namespace vm0::http
