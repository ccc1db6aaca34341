// SPDX-License-Identifier: Apache-2.0
#include "http/parser.h"

#include <gtest/gtest.h>

namespace vm0::http {
namespace {

TEST(ResponseParser, RefusesAnEndBeforeTheHeadIsThere) {
  for (const std::string_view begun : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n"}) {
    ResponseParser parser("GET", {.header_bytes = 1000, .body_bytes = 1000});
    ASSERT_TRUE(parser.Put(begun));
    const Status end = parser.PutEnd();
    ASSERT_FALSE(end) << begun;
    EXPECT_EQ(end.error().code, Code::kUnreachable);
  }
}

TEST(ResponseParser, TakesTheEndOfTheConnectionForTheEndOfABodyWithoutLength) {
  ResponseParser parser("GET", {.header_bytes = 1000, .body_bytes = 1000});
  ASSERT_TRUE(parser.Put("HTTP/1.1 200 OK\r\n\r\nhalf"));
  ASSERT_TRUE(parser.PutEnd());
  EXPECT_EQ(parser.TakeBody(), "half");
}

}  // namespace
}  // namespace vm0::http
