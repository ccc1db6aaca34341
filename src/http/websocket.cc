// SPDX-License-Identifier: Apache-2.0
#include "http/websocket.h"

#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "http/ssl.h"

namespace vm0::http {
namespace {

constexpr std::size_t kControlLimit = 125;
constexpr std::size_t kReasonLimit = kControlLimit - 2;

bool IsControl(WebSocketOpcode opcode) { return static_cast<std::uint8_t>(opcode) >= 8; }

std::optional<WebSocketOpcode> FindOpcode(std::uint8_t number) {
  const bool known = number <= 2 || (number >= 8 && number <= 10);
  return known ? std::optional(static_cast<WebSocketOpcode>(number)) : std::nullopt;
}

std::unexpected<Error> Broken(int close_code, std::string message) {
  return Fail(Error{Code::kBadRequest, "WebSocket: " + std::move(message), close_code});
}

void AppendBigEndian(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift);
}

std::uint64_t ReadBigEndian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

void AppendHeader(std::string& out, WebSocketOpcode opcode, std::size_t length, int mask_bit) {
  out += static_cast<char>(0x80 | static_cast<int>(opcode));
  if (length <= kControlLimit) {
    out += static_cast<char>(mask_bit | static_cast<int>(length));
  } else if (length <= 0xffff) {
    out += static_cast<char>(mask_bit | 126);
    AppendBigEndian(out, length, 2);
  } else {
    out += static_cast<char>(mask_bit | 127);
    AppendBigEndian(out, length, 8);
  }
}

void ApplyMask(char* bytes, std::size_t size, const std::array<unsigned char, 4>& mask) {
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ mask[i % 4]);
}

bool HasToken(const Request& request, std::string_view field, std::string_view token) {
  const auto value = request.headers.Find(field);
  if (!value) return false;
  return std::ranges::any_of(Split(*value, ','), [token](std::string_view part) {
    return ToLowerAscii(TrimAscii(part)) == token;
  });
}

}  // namespace

void AppendWebSocketFrame(std::string& out, WebSocketOpcode opcode, std::string_view payload) {
  AppendHeader(out, opcode, payload.size(), 0);
  out += payload;
}

void AppendMaskedFrame(std::string& out, WebSocketOpcode opcode, std::string_view payload,
                       std::array<unsigned char, 4> mask) {
  AppendHeader(out, opcode, payload.size(), 0x80);
  for (const unsigned char byte : mask) out += static_cast<char>(byte);
  out += payload;
  ApplyMask(out.data() + out.size() - payload.size(), payload.size(), mask);
}

std::string FormatClose(int code, std::string_view reason) {
  std::string payload;
  AppendBigEndian(payload, static_cast<std::uint64_t>(code), 2);
  return payload.append(reason.substr(0, kReasonLimit));
}

WebSocketParser::WebSocketParser(From from, std::size_t message_limit)
    : from_(from), message_limit_(message_limit) {}

Result<std::optional<WebSocketParser::Header>> WebSocketParser::ReadHeader() const {
  const std::string_view input = std::string_view(input_).substr(begin_);
  if (input.size() < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(input[0]);
  const auto second = static_cast<unsigned char>(input[1]);
  const auto opcode = FindOpcode(first & 0x0f);
  const bool is_masked = (second & 0x80) != 0;
  if ((first & 0x70) != 0) return Broken(close_code::kProtocolError, "a reserved bit is set");
  if (!opcode) return Broken(close_code::kProtocolError, "an unknown opcode");
  if (is_masked != (from_ == From::kClient))
    return Broken(close_code::kProtocolError, "clients mask their frames, servers do not");
  Header header{(first & 0x80) != 0, *opcode, second & 0x7fu, 2, {}};
  const std::size_t more = header.length == 127 ? 8 : header.length == 126 ? 2 : 0;
  header.size = 2 + more + (is_masked ? 4 : 0);
  if (input.size() < header.size) return std::nullopt;
  if (more > 0) header.length = ReadBigEndian(input.substr(2, more));
  for (std::size_t i = 0; is_masked && i < 4; ++i)
    header.mask[i] = static_cast<unsigned char>(input[2 + more + i]);
  VM0_TRY(Check(header));
  return header;
}

Status WebSocketParser::Check(const Header& header) const {
  if (IsControl(header.opcode)) {
    if (header.is_final && header.length <= kControlLimit) return {};
    return Broken(close_code::kProtocolError, "a control frame is too long or in fragments");
  }
  const bool goes_on = header.opcode == WebSocketOpcode::kContinuation;
  if (goes_on != open_.has_value())
    return Broken(close_code::kProtocolError, "fragments of different messages are mixed");
  const std::size_t before = open_ ? open_->payload.size() : 0;
  if (header.length > message_limit_ - before)
    return Broken(close_code::kTooBig,
                  "a message of more than " + std::to_string(message_limit_) + " bytes");
  return {};
}

void WebSocketParser::TakeFrame(const Header& header, std::vector<Message>& messages) {
  std::string payload = input_.substr(begin_ + header.size, header.length);
  begin_ += header.size + header.length;
  if (from_ == From::kClient) ApplyMask(payload.data(), payload.size(), header.mask);
  if (IsControl(header.opcode)) return messages.push_back({header.opcode, std::move(payload)});
  if (open_) {
    open_->payload += payload;
  } else {
    open_ = Message{header.opcode, std::move(payload)};
  }
  if (header.is_final) messages.push_back(*std::exchange(open_, std::nullopt));
}

Result<std::vector<WebSocketParser::Message>> WebSocketParser::Feed(std::string_view bytes) {
  input_ += bytes;
  std::vector<Message> messages;
  const Status taken = TakeFrames(messages);
  input_.erase(0, std::exchange(begin_, 0));
  if (input_.empty()) input_ = {};  // who waits holds no buffer
  if (!taken) return Fail(taken.error());
  return messages;
}

Status WebSocketParser::TakeFrames(std::vector<Message>& messages) {
  for (;;) {
    VM0_ASSIGN(const auto header, ReadHeader());
    if (!header || input_.size() - begin_ - header->size < header->length) return {};
    TakeFrame(*header, messages);
  }
}

std::string WebSocketAccept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  detail::StartOpenSsl();
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return Base64Encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::vector<std::string_view> OfferedProtocols(const Request& request) {
  std::vector<std::string_view> offered;
  const auto value = request.headers.Find("Sec-WebSocket-Protocol");
  if (!value) return offered;
  for (const std::string_view part : Split(*value, ',')) offered.push_back(TrimAscii(part));
  return offered;
}

bool Offers(const Request& request, std::string_view protocol) {
  const auto offered = OfferedProtocols(request);
  return std::ranges::find(offered, protocol) != offered.end();
}

Result<Response> AcceptWebSocket(const Request& request, std::string_view protocol) {
  // The answer to a HEAD has no body: it can't become a WebSocket.
  if (request.method != "GET") return Fail(Code::kBadRequest, "A WebSocket begins with GET");
  if (!HasToken(request, "Upgrade", "websocket") || !HasToken(request, "Connection", "upgrade"))
    return Fail(Code::kBadRequest, "This route speaks WebSocket: send Upgrade: websocket");
  if (request.headers.Find("Sec-WebSocket-Version") != "13")
    return Fail(Code::kBadRequest, "Sec-WebSocket-Version must be 13");
  const auto key = request.headers.Find("Sec-WebSocket-Key");
  if (Base64Decode(TrimAscii(key.value_or(""))).value_or("").size() != 16)
    return Fail(Code::kBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64");
  Response head{.status = 101, .headers = {}, .body = ""};
  head.headers.Set("Upgrade", "websocket");
  head.headers.Set("Sec-WebSocket-Accept", WebSocketAccept(TrimAscii(*key)));
  if (Offers(request, protocol)) head.headers.Set("Sec-WebSocket-Protocol", std::string(protocol));
  return head;
}

namespace {

// A reader has nothing to say but control messages.
constexpr std::size_t kReaderMessageLimit = 4 << 10;
constexpr int kMostPings = 2;

class WebSocketSource final : public StreamSource {
 public:
  explicit WebSocketSource(std::unique_ptr<StreamSource> frames) : frames_(std::move(frames)) {}

  void Begin(StreamWaker& waker) override {
    waker_ = &waker;
    frames_->Begin(waker);
  }
  StreamPiece Next() override {
    gives_frames_ = std::exchange(has_rest_, false);
    if (!gives_frames_ && !close_.empty()) return Control(WebSocketOpcode::kClose, close_, true);
    if (!gives_frames_ && pong_) {
      const std::string payload = *std::exchange(pong_, std::nullopt);
      return Control(WebSocketOpcode::kPong, payload, false);
    }
    gives_frames_ = true;
    return frames_->Next();
  }
  bool TakeBack(std::size_t taken) override {
    has_rest_ = gives_frames_ && frames_->TakeBack(taken);
    return has_rest_;
  }
  StreamPiece OnSilence() override {
    gives_frames_ = false;
    if (++pings_ <= kMostPings) return Control(WebSocketOpcode::kPing, "", false);
    return Control(WebSocketOpcode::kClose, FormatClose(close_code::kNoPong, "no pong"), true);
  }
  void Receive(std::string_view bytes) override {
    pings_ = 0;
    if (!close_.empty()) return;
    const auto messages = parser_.Feed(bytes);
    if (!messages) {
      const auto code = static_cast<int>(*messages.error().number);
      close_ = FormatClose(code, messages.error().message);
    } else {
      for (const auto& message : *messages) Take(message);
    }
    waker_->Wake();
  }

 private:
  static StreamPiece Control(WebSocketOpcode opcode, std::string_view payload, bool is_last) {
    auto frame = std::make_shared<std::string>();
    AppendWebSocketFrame(*frame, opcode, payload);
    return {std::move(frame), 0, is_last};
  }
  void Take(const WebSocketParser::Message& message) {
    switch (message.opcode) {
      case WebSocketOpcode::kPing:
        pong_ = message.payload;  // of several only the last one counts
        break;
      case WebSocketOpcode::kClose:
        close_ = message.payload.size() < 2 ? FormatClose(close_code::kNormal, "")
                                            : message.payload.substr(0, 2);
        break;
      case WebSocketOpcode::kText:
      case WebSocketOpcode::kBinary:
        close_ = FormatClose(close_code::kUnsupportedData, "readers have nothing to say here");
        break;
      case WebSocketOpcode::kPong:
      case WebSocketOpcode::kContinuation:
        break;
    }
  }

  std::unique_ptr<StreamSource> frames_;
  WebSocketParser parser_{WebSocketParser::From::kClient, kReaderMessageLimit};
  StreamWaker* waker_ = nullptr;
  std::optional<std::string> pong_;  // to be sent
  std::string close_;                // to be sent: the payload
  int pings_ = 0;                    // without a word since
  bool gives_frames_ = false;        // the last piece was one of frames_
  bool has_rest_ = false;            // which must come first, since it begins in a frame
};

}  // namespace

std::unique_ptr<StreamSource> MakeWebSocketSource(std::unique_ptr<StreamSource> frames) {
  return std::make_unique<WebSocketSource>(std::move(frames));
}

}  // namespace vm0::http
