// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "http/client.h"
#include "http/listener.h"
#include "http/raw_peer.h"

namespace vm0::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr Seconds kStall{10};

// A client that sends a file, and a server whose every byte the test writes.
class UploadTest : public testing::Test {
 protected:
  UploadTest() : listener_(Listener::Tcp("127.0.0.1:0").value()) {
    const auto endpoint =
        Endpoint::Parse("http://127.0.0.1:" + std::to_string(*listener_.Port())).value();
    client_ = std::make_unique<Client>(loop_, clock_, endpoint);
    char name[] = "/tmp/vm0-upload-XXXXXX";
    file_ = os::Fd(::mkstemp(name));
    ::unlink(name);
  }

  void Start(const std::string& content, std::size_t size) {
    EXPECT_EQ(::write(file_.get(), content.data(), content.size()), std::ssize(content));
    auto work = Send(FileBody{"<", file_.get(), size, ">"});
    asio::co_spawn(loop_, std::move(work), asio::detached);
  }
  RawPeer Accept() {
    os::Fd fd;
    RunUntil(loop_, [&] {
      if (!fd.is_open()) fd = os::Fd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      return fd.is_open();
    });
    return RawPeer(loop_, std::move(fd));
  }
  const Result<Response>& Finish() {
    RunUntil(loop_, [&] { return result_.has_value(); });
    return *result_;
  }

  asio::io_context loop_;
  os::FakeClock clock_;
  Listener listener_;
  std::unique_ptr<Client> client_;
  os::Fd file_;
  std::optional<Result<Response>> result_;

 private:
  asio::awaitable<void> Send(FileBody body) {
    Request request;
    request.method = "POST";
    request.target = "/files";
    result_ = co_await client_->Upload(std::move(request), std::move(body), kStall);
  }
};

TEST_F(UploadTest, SendsTheFileBetweenTwoTexts) {
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += std::to_string(i) + '\n';
  Start(content, content.size());
  RawPeer server = Accept();
  const std::string head = server.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("POST /files HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Length: " + std::to_string(content.size() + 2) + "\r\n"));
  EXPECT_EQ(server.ReadBytes(content.size() + 2), "<" + content + ">");
  server.Send(kOk);
  EXPECT_EQ(Finish()->body, "ok");
}

TEST_F(UploadTest, SendsWhatWasAskedForOfAFileThatGrows) {
  Start("0123456789", 4);
  RawPeer server = Accept();
  server.ReadUntil("\r\n\r\n");
  EXPECT_EQ(server.ReadBytes(6), "<0123>");
  server.Send(kOk);
  EXPECT_TRUE(Finish());
}

TEST_F(UploadTest, FailsForAFileThatIsShorterByNow) {
  Start("0123", 10);
  RawPeer server = Accept();
  EXPECT_EQ(Finish().error().code, Code::kIo);
}

TEST_F(UploadTest, GivesTheAnswerOfAServerThatRefusesInTheMiddle) {
  const std::string content(32 << 20, 'x');
  Start(content, content.size());
  RawPeer server = Accept();
  server.ReadUntil("\r\n\r\n");
  server.Send("HTTP/1.1 507 Full\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull");
  server.EndOutput();
  server.ReadBytes(content.size());
  EXPECT_EQ(Finish()->status, 507);
}

TEST_F(UploadTest, TakesAsLongAsThereIsProgress) {
  const std::string content(32 << 20, 'x');
  Start(content, content.size());
  RawPeer server = Accept();
  server.ReadUntil("\r\n\r\n");
  server.ReadBytes(16 << 20);
  clock_.Advance(Seconds(9));
  server.ReadBytes((16 << 20) + 2);
  clock_.Advance(Seconds(9));
  server.Send(kOk);
  EXPECT_TRUE(Finish());
}

TEST_F(UploadTest, EndsWhenNobodyReadsAnyMore) {
  const std::string content(32 << 20, 'x');
  Start(content, content.size());
  RawPeer server = Accept();
  server.ReadUntil("\r\n\r\n");
  while (loop_.poll() > 0) loop_.restart();
  clock_.Advance(kStall);
  EXPECT_EQ(Finish().error().code, Code::kDeadline);
}

TEST_F(UploadTest, EndsWhenItsClientIsClosed) {
  Start("0123", 4);
  RawPeer server = Accept();
  server.ReadUntil("\r\n\r\n");
  client_->Close();
  EXPECT_EQ(Finish().error().code, Code::kUnreachable);
}

}  // namespace
}  // namespace vm0::http
