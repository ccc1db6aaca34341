// SPDX-License-Identifier: Apache-2.0
#include "http/parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace vm0::http {
namespace {

// As a connection does: what was not taken, which is then in `input`, comes again with more behind
// it.
template <class Parser>
void PutInPieces(Parser& parser, std::string& input, std::string_view bytes, std::size_t size) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    input += bytes.substr(0, size);
    const auto taken = parser.Put(input);
    ASSERT_TRUE(taken) << taken.error().message;
    input.erase(0, *taken);
  }
}

constexpr ParserLimits kLimits{.header_bytes = 1000, .body_bytes = 1000};

TEST(RequestParser, TakesChunksThatComeInPiecesOfAnySize) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t size = 1; size < 9; ++size) {
    for (const std::string body : {"", "a", "abcdef"}) {
      for (const std::string trailer : {"", "T: u\r\n"}) {
        std::string chunks = "0\r\n" + trailer + "\r\n";
        if (!body.empty()) chunks.insert(0, std::to_string(body.size()) + "\r\n" + body + "\r\n");
        RequestParser parser(kLimits);
        std::string input;
        PutInPieces(parser, input, head, 1000);
        PutInPieces(parser, input, chunks, size);
        ASSERT_TRUE(parser.done()) << size << chunks;
        EXPECT_EQ(parser.Take().body, body);
      }
    }
  }
}

TEST(RequestParser, TakesNoHeaderFromBehindTheBody) {
  const std::string bytes =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\nHost: b\r\nAuthorization: Bearer c\r\n\r\n";
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    RequestParser parser(kLimits);
    std::string input;
    PutInPieces(parser, input, bytes, size);
    ASSERT_TRUE(parser.done()) << size;
    const Headers headers = parser.Take().headers;
    EXPECT_EQ(headers.Find("host"), "a") << size;
    EXPECT_FALSE(headers.Find("authorization")) << size;
  }
}

TEST(ResponseParser, TakesNoHeaderFromBehindTheBody) {
  const std::string bytes =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Type: b\r\n\r\n";
  for (const std::size_t size : {std::size_t{1}, bytes.size()}) {
    ResponseParser parser("GET", kLimits);
    std::string input;
    PutInPieces(parser, input, bytes, size);
    ASSERT_TRUE(parser.done()) << size;
    EXPECT_FALSE(parser.TakeHead().headers.Find("content-type")) << size;
  }
}

TEST(ResponseParser, GivesAChunkAsSoonAsItIsThere) {
  ResponseParser parser("GET", kLimits);
  std::string input;
  PutInPieces(parser, input, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 1000);
  for (const std::string chunk : {"1\r\na\r\n", "2\r\nab\r\n", "1\r\nb\r\n"}) {
    PutInPieces(parser, input, chunk, 1);
    EXPECT_FALSE(parser.TakeBody().empty()) << chunk;
  }
}

TEST(ResponseParser, RefusesAnEndBeforeTheHeadIsThere) {
  for (const std::string_view begun : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n"}) {
    ResponseParser parser("GET", kLimits);
    ASSERT_TRUE(parser.Put(begun));
    const Status end = parser.PutEnd();
    ASSERT_FALSE(end) << begun;
    EXPECT_EQ(end.error().code, Code::kUnreachable);
  }
}

TEST(ResponseParser, TakesTheEndOfTheConnectionForTheEndOfABodyWithoutLength) {
  ResponseParser parser("GET", kLimits);
  ASSERT_TRUE(parser.Put("HTTP/1.1 200 OK\r\n\r\nhalf"));
  ASSERT_TRUE(parser.PutEnd());
  EXPECT_EQ(parser.TakeBody(), "half");
}

}  // namespace
}  // namespace vm0::http
