// SPDX-License-Identifier: Apache-2.0
#include "http/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vm0::http {
namespace {

using testing::HasSubstr;
using From = WebSocketParser::From;
using Op = WebSocketOpcode;

constexpr std::array<unsigned char, 4> kMask = {0x37, 0xfa, 0x21, 0x3d};

std::string Frame(Op opcode, std::string_view payload) {
  std::string frame;
  AppendWebSocketFrame(frame, opcode, payload);
  return frame;
}
std::string Masked(Op opcode, std::string_view payload) {
  std::string frame;
  AppendMaskedFrame(frame, opcode, payload, kMask);
  return frame;
}
// "text:Hello ping: "
std::string Describe(const std::vector<WebSocketParser::Message>& messages) {
  std::string text;
  for (const auto& message : messages) {
    const char* name = message.opcode == Op::kText     ? "text"
                       : message.opcode == Op::kBinary ? "binary"
                       : message.opcode == Op::kPing   ? "ping"
                       : message.opcode == Op::kPong   ? "pong"
                                                       : "close";
    text += std::string(name) + ":" + message.payload + " ";
  }
  return text;
}
std::int64_t CloseCodeFor(From from, std::string_view bytes) {
  WebSocketParser parser(from, 1000);
  const auto messages = parser.Feed(bytes);
  return messages ? 0 : messages.error().number.value_or(-1);
}

TEST(WebSocket, TheExamplesOfTheStandard) {
  EXPECT_EQ(WebSocketAccept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(Frame(Op::kText, "Hello"), "\x81\x05Hello");
  EXPECT_EQ(Masked(Op::kText, "Hello"), "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  EXPECT_EQ(Frame(Op::kPing, "Hello"), "\x89\x05Hello");
  EXPECT_TRUE(Frame(Op::kBinary, std::string(256, 'x'))
                  .starts_with("\x82\x7E\x01" + std::string(1, '\0') + "x"));
  const std::string long_length("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10);
  EXPECT_TRUE(Frame(Op::kBinary, std::string(65536, 'x')).starts_with(long_length + "x"));
  WebSocketParser parser(From::kServer, 1000);
  EXPECT_EQ(Describe(*parser.Feed(std::string_view("\x01\x03Hel\x80\x02lo", 9))), "text:Hello ");
}

TEST(WebSocket, IsTheSameInPiecesOfAnySize) {
  std::string bytes = Masked(Op::kText, "a") + Masked(Op::kPing, "still there?");
  bytes +=
      Masked(Op::kBinary, std::string(300, 'x')) + Masked(Op::kClose, FormatClose(1000, "bye"));
  WebSocketParser whole(From::kClient, 70'000);
  const std::string wanted = Describe(*whole.Feed(bytes));
  for (std::size_t size = 1; size < 9; ++size) {
    WebSocketParser parser(From::kClient, 70'000);
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += size)
      text += Describe(*parser.Feed(std::string_view(bytes).substr(at, size)));
    EXPECT_EQ(text, wanted) << size;
  }
}

TEST(WebSocket, ControlMessagesMayComeBetweenFragments) {
  WebSocketParser parser(From::kServer, 1000);
  std::string bytes(
      "\x01\x01"
      "a",
      3);
  bytes += Frame(Op::kPing, "p") +
           std::string(
               "\x00\x01"
               "b",
               3) +
           std::string(
               "\x80\x01"
               "c",
               3);
  EXPECT_EQ(Describe(*parser.Feed(bytes)), "ping:p text:abc ");
}

TEST(WebSocket, RefusesWhatIsNone) {
  EXPECT_EQ(CloseCodeFor(From::kClient, Frame(Op::kText, "x")), 1002) << "not masked";
  EXPECT_EQ(CloseCodeFor(From::kServer, Masked(Op::kText, "x")), 1002) << "masked";
  EXPECT_EQ(CloseCodeFor(From::kServer, "\xc1\x01x"), 1002) << "a reserved bit";
  EXPECT_EQ(CloseCodeFor(From::kServer, "\x83\x01x"), 1002) << "an unknown opcode";
  EXPECT_EQ(CloseCodeFor(From::kServer, Frame(Op::kPing, std::string(126, 'x'))), 1002);
  EXPECT_EQ(CloseCodeFor(From::kServer, std::string_view("\x09\x00", 2)), 1002)
      << "a piece of a ping";
  EXPECT_EQ(CloseCodeFor(From::kServer, "\x80\x01x"), 1002) << "goes on with nothing";
  EXPECT_EQ(CloseCodeFor(From::kServer, "\x01\x01x\x81\x01y"), 1002) << "two at once";
  EXPECT_EQ(CloseCodeFor(From::kServer, Frame(Op::kText, std::string(1001, 'x'))), 1009);
  const std::string huge("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10);
  EXPECT_EQ(CloseCodeFor(From::kServer, huge), 1009);
  std::string fragments("\x01\x7e\x02\x58", 4);
  fragments += std::string(600, 'x');
  fragments += std::string("\x80\x7e\x02\x58", 4);
  EXPECT_EQ(CloseCodeFor(From::kServer, fragments), 1009) << "together they are too long";
}

Request UpgradeRequest() {
  Request request;
  request.headers.Set("Connection", "keep-alive, Upgrade");
  request.headers.Set("Upgrade", "WebSocket");
  request.headers.Set("Sec-WebSocket-Version", "13");
  request.headers.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  return request;
}

TEST(WebSocket, AcceptsAHandshakeAndChoosesTheProtocol) {
  Request request = UpgradeRequest();
  auto head = AcceptWebSocket(request, "mine");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 101);
  EXPECT_EQ(head->headers.Find("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_FALSE(head->headers.Find("Sec-WebSocket-Protocol"));
  request.headers.Set("Sec-WebSocket-Protocol", "other, mine");
  EXPECT_EQ(AcceptWebSocket(request, "mine")->headers.Find("Sec-WebSocket-Protocol"), "mine");
}

TEST(WebSocket, RefusesABadHandshake) {
  EXPECT_EQ(AcceptWebSocket({}, "mine").error().code, Code::kBadRequest);
  Request head = UpgradeRequest();
  head.method = "HEAD";
  EXPECT_THAT(AcceptWebSocket(head, "mine").error().message, HasSubstr("GET"));
  Request old = UpgradeRequest();
  old.headers.Set("Sec-WebSocket-Version", "8");
  EXPECT_EQ(AcceptWebSocket(old, "mine").error().code, Code::kBadRequest);
  Request bad = UpgradeRequest();
  bad.headers.Set("Sec-WebSocket-Key", "short");
  EXPECT_EQ(AcceptWebSocket(bad, "mine").error().code, Code::kBadRequest);
  EXPECT_THAT(AcceptWebSocket(bad, "mine").error().message, HasSubstr("Sec-WebSocket-Key"));
}

// Frames as they are put in.
class Frames final : public StreamSource {
 public:
  explicit Frames(std::vector<std::string>& frames) : frames_(frames) {}
  void Begin(StreamWaker&) override {}
  StreamPiece Next() override {
    if (frames_.empty()) return {};
    const auto frame = std::make_shared<std::string>(frames_.front());
    const std::size_t offset = std::exchange(offset_, 0);
    if (offset == 0) last_ = frames_.front();
    frames_.erase(frames_.begin());
    return {frame, offset, false};
  }
  bool TakeBack(std::size_t taken) override {
    frames_.insert(frames_.begin(), last_);
    offset_ = taken;
    return true;
  }
  StreamPiece OnSilence() override { return {}; }

 private:
  std::vector<std::string>& frames_;
  std::string last_;
  std::size_t offset_ = 0;
};

struct Waker final : StreamWaker {
  void Wake() override { ++count; }
  int count = 0;
};

struct WebSocketSourceTest : testing::Test {
  void TestBody() override {}

  WebSocketSourceTest() { source->Begin(waker); }
  static std::string Text(const StreamPiece& piece) {
    return piece.empty() ? "" : piece.bytes->substr(piece.offset);
  }
  // What it says when it is asked now; "!" at the end.
  std::string Next() {
    const StreamPiece piece = source->Next();
    return Text(piece) + (piece.is_last ? "!" : "");
  }

  std::vector<std::string> frames;
  Waker waker;
  std::unique_ptr<StreamSource> source = MakeWebSocketSource(std::make_unique<Frames>(frames));
};

TEST_F(WebSocketSourceTest, AnswersAPingBetweenFrames) {
  frames = {"one", "two"};
  EXPECT_EQ(Next(), "one");
  source->Receive(Masked(Op::kPing, "a"));
  source->Receive(Masked(Op::kPing, "b"));
  EXPECT_GE(waker.count, 1);
  EXPECT_EQ(Next(), Frame(Op::kPong, "b")) << "the last one is enough";
  EXPECT_EQ(Next(), "two");
  EXPECT_EQ(Next(), "");
}

TEST_F(WebSocketSourceTest, ARestComesBeforeAnythingElse) {
  frames = {"one", "two"};
  EXPECT_EQ(Next(), "one");
  ASSERT_TRUE(source->TakeBack(1));
  source->Receive(Masked(Op::kPing, "a"));
  EXPECT_EQ(Next(), "ne");
  EXPECT_EQ(Next(), Frame(Op::kPong, "a"));
  EXPECT_FALSE(source->TakeBack(1)) << "a pong is small";
  EXPECT_EQ(Next(), "two");
}

TEST_F(WebSocketSourceTest, AnswersACloseAndSaysNothingMore) {
  frames = {"one"};
  source->Receive(Masked(Op::kClose, FormatClose(1001, "bye")));
  EXPECT_EQ(Next(), Frame(Op::kClose, FormatClose(1001, "")) + "!");
  WebSocketSourceTest other;
  other.source->Receive(Masked(Op::kClose, ""));
  EXPECT_EQ(other.Next(), Frame(Op::kClose, FormatClose(1000, "")) + "!");
}

TEST_F(WebSocketSourceTest, ClosesWhenItsReaderTalksOrTalksNonsense) {
  source->Receive(Masked(Op::kText, "hello"));
  EXPECT_THAT(Next(), HasSubstr(FormatClose(1003, "readers")));
  WebSocketSourceTest other;
  other.source->Receive("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(other.Next(), HasSubstr(FormatClose(1002, "WebSocket: ")));
  EXPECT_THAT(other.Next(), testing::EndsWith("!"));
}

TEST_F(WebSocketSourceTest, PingsInASilenceAndGivesUpAfterTwoWithoutAWord) {
  const std::string ping = Frame(Op::kPing, "");
  EXPECT_EQ(Text(source->OnSilence()), ping);
  EXPECT_EQ(Text(source->OnSilence()), ping);
  source->Receive(Masked(Op::kPong, ""));
  EXPECT_EQ(Text(source->OnSilence()), ping);
  EXPECT_EQ(Text(source->OnSilence()), ping);
  const StreamPiece last = source->OnSilence();
  EXPECT_TRUE(last.is_last);
  EXPECT_THAT(Text(last), HasSubstr(FormatClose(4408, "no pong")));
}

}  // namespace
}  // namespace vm0::http
