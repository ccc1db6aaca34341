// SPDX-License-Identifier: Apache-2.0
// Heads, bodies and targets: what is taken, and what is refused.
#include <gmock/gmock.h>

#include "egress/body.h"
#include "egress/replacer.h"
#include "egress/target.h"

namespace vm0::egress {
namespace {

using namespace std::string_view_literals;

Result<std::optional<RequestHead>> TakeRequest(std::string_view text) {
  std::string input(text);
  return TakeRequestHead(input);
}

TEST(RequestHeadTest, IsTakenWhenItIsAllThere) {
  std::string input = "\r\nPOST /a?b HTTP/1.1\r\nHost:  a.example \r\nx-A:\t1\r\n\r\nbody";
  const auto head = TakeRequestHead(input);
  ASSERT_TRUE(head && *head);
  EXPECT_EQ((*head)->method, "POST");
  EXPECT_EQ((*head)->target, "/a?b");
  EXPECT_EQ((*head)->minor_version, 1);
  EXPECT_EQ((*head)->fields.All("HOST"), std::vector{"a.example"sv});
  EXPECT_EQ((*head)->fields.All("X-a"), std::vector{"1"sv});
  EXPECT_EQ(input, "body");
  input = "GET / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(TakeRequestHead(input).value(), std::nullopt);
}

TEST(RequestHeadTest, IsRefusedWhenTwoReadersCouldTakeItForDifferentOnes) {
  for (const std::string_view text : {"GET  / HTTP/1.1\r\n\r\n"sv,
                                      "GET / HTTP/1.1 \r\n\r\n"sv,
                                      "GET /a b HTTP/1.1\r\n\r\n"sv,
                                      "GET / HTTP/2.0\r\n\r\n"sv,
                                      "GET / http/1.1\r\n\r\n"sv,
                                      "GET /\r\n\r\n"sv,
                                      "GE(T / HTTP/1.1\r\n\r\n"sv,
                                      " GET / HTTP/1.1\r\n\r\n"sv,
                                      "GET /\xC3\xBC HTTP/1.1\r\n\r\n"sv,
                                      "GET / HTTP/1.1\nHost: a\n\n"sv,
                                      "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nA : b\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\n: b\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nA\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nA: \x01\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\r\n\r\n"sv}) {
    const auto head = TakeRequest(text);
    ASSERT_FALSE(head) << text;
    EXPECT_EQ(head.error().code, Code::kBadRequest) << text;
  }
}

TEST(RequestHeadTest, IsRefusedWhenItIsTooLong) {
  const std::string field = "A: " + std::string(kMaxRequestHead, 'a');
  EXPECT_EQ(TakeRequest("GET / HTTP/1.1\r\n" + field).error().code, Code::kHeadersTooLarge);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 300; ++i) many += "a:b\r\n";
  EXPECT_EQ(TakeRequest(many + "\r\n").error().code, Code::kHeadersTooLarge);
}

TEST(RequestHeadTest, MayHaveLineBreaksBeforeIt) {
  std::string input;
  for (int i = 0; i < 1000; ++i) input += "\r\n";
  std::string alone = input + "\r";
  EXPECT_FALSE(TakeRequestHead(alone)->has_value());
  EXPECT_EQ(alone, "\r");
  input += "GET / HTTP/1.1\r\n\r\n";
  EXPECT_EQ((*TakeRequestHead(input))->method, "GET");
}

TEST(ResponseHeadTest, IsTakenAndRefusedTheSameWay) {
  std::string input = "HTTP/1.1 200 OK\r\nA: b\r\n\r\nx";
  EXPECT_EQ((*TakeResponseHead(input))->status, 200);
  EXPECT_EQ(input, "x");
  input = "HTTP/1.0 404\r\n\r\n";
  EXPECT_EQ((*TakeResponseHead(input))->status, 404);
  for (const char* text :
       {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 999 x\r\n\r\n",
        "ICY 200 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\n\r\n\r\n"}) {
    std::string bad = text;
    EXPECT_FALSE(TakeResponseHead(bad)) << text;
  }
}

std::string FramingOfFields(const std::string& fields, int minor_version = 1) {
  const auto head =
      TakeRequest("POST / HTTP/1." + std::to_string(minor_version) + "\r\n" + fields + "\r\n");
  const auto framing = FramingOf(**head);
  if (!framing) return "refused";
  switch (framing->kind) {
    case Framing::Kind::kNone:
      return "none";
    case Framing::Kind::kLength:
      return "length " + std::to_string(framing->length);
    case Framing::Kind::kChunked:
      return "chunked";
    case Framing::Kind::kUntilClose:
      break;
  }
  return "until close";
}

TEST(FramingTest, IsToldByOneFieldOnly) {
  EXPECT_EQ(FramingOfFields(""), "none");
  EXPECT_EQ(FramingOfFields("Content-Length: 12\r\n"), "length 12");
  EXPECT_EQ(FramingOfFields("transfer-encoding: Chunked\r\n"), "chunked");
  for (const char* fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n", "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n", "Content-Length:\r\n", "Content-Length: 9999999999999999999\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: \"chunked\"\r\n"}) {
    EXPECT_EQ(FramingOfFields(fields), "refused") << fields;
  }
  EXPECT_EQ(FramingOfFields("Transfer-Encoding: chunked\r\n", 0), "refused");
}

TEST(FramingTest, OfAnAnswerDependsOnTheQuestion) {
  const auto kind = [](std::string text, std::string_view method) {
    return FramingOf(**TakeResponseHead(text), method)->kind;
  };
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\n\r\n", "GET"), Framing::Kind::kUntilClose);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"), Framing::Kind::kNone);
  EXPECT_EQ(kind("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "GET"), Framing::Kind::kNone);
  EXPECT_EQ(kind("HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", "GET"),
            Framing::Kind::kNone);
}

TEST(FieldsTest, OfThisConnectionStayHere) {
  const auto head = TakeRequest(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Secret\r\nX-Secret: 1\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: a\r\nTE: trailers\r\nKeep-Alive: 1\r\nProxy-Authorization: x\r\n"
      "Proxy-Connection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 0\r\nAccept: "
      "b\r\n\r\n");
  const auto fields = EndToEnd((*head)->fields);
  ASSERT_EQ(fields.size(), 1u);
  EXPECT_EQ(fields[0].name, "Accept");
  EXPECT_FALSE(WantsToStay(1, (*head)->fields));
}

// In one piece and byte by byte.
std::string Decode(std::string_view input, Framing framing = {Framing::Kind::kChunked}) {
  std::string results[2];
  for (const std::size_t step : {input.size() + 1, std::size_t{1}}) {
    BodyDecoder decoder(framing);
    std::string& out = results[step == 1];
    std::string_view rest = input;
    while (!rest.empty() && !decoder.done()) {
      const auto taken = decoder.Put(rest.substr(0, step), out);
      if (!taken) {
        out = "refused";
        break;
      }
      rest.remove_prefix(*taken);
    }
    if (out != "refused" && !decoder.PutEnd()) out += "|cut";
    if (out != "refused") out += "|" + std::string(rest);
  }
  EXPECT_EQ(results[0], results[1]) << input;
  return results[0];
}

TEST(BodyDecoderTest, TakesChunksApart) {
  EXPECT_EQ(Decode("5\r\nhello\r\n00B;a=b\r\n world, you\r\n0\r\n\r\nNEXT"),
            "hello world, you|NEXT");
  EXPECT_EQ(Decode("0\r\nTrailer: x\r\n\r\nNEXT"), "|NEXT");
  EXPECT_EQ(Decode("5\r\nhel"), "hel|cut|");
  EXPECT_EQ(Decode("5\r\nhello\r\n0\r\n"), "hello|cut|");
}

TEST(BodyDecoderTest, RefusesChunksThatAreNotByTheRules) {
  for (const std::string_view text :
       {"\r\n"sv, "x\r\n"sv, "5\nhello\r\n"sv, "5 \r\nhello\r\n"sv, " 5\r\nhello\r\n"sv,
        "+5\r\nhello\r\n"sv, "-1\r\n"sv, "0x5\r\nhello\r\n"sv, "5\r\nhelloX\r\n"sv,
        "5\r\nhello\n0\r\n\r\n"sv, "ffffffffffffffff\r\n"sv, "10000000000000005\r\nhello\r\n"sv,
        "5\r\r\nhello"sv, "5;a\rb\r\nhello"sv, "5;\0\r\nhello"sv}) {
    EXPECT_EQ(Decode(text), "refused") << text;
  }
  EXPECT_EQ(Decode("5;" + std::string(5000, 'a')), "refused");
  std::string trailers = "0\r\n";
  for (int i = 0; i < 20; ++i) trailers += "a: " + std::string(1000, 'b') + "\r\n";
  EXPECT_EQ(Decode(trailers), "refused");
}

TEST(BodyDecoderTest, CountsALengthAndReadsToTheEnd) {
  EXPECT_EQ(Decode("hello NEXT", {Framing::Kind::kLength, 5}), "hello| NEXT");
  EXPECT_EQ(Decode("hel", {Framing::Kind::kLength, 5}), "hel|cut|");
  EXPECT_EQ(Decode("all of it", {Framing::Kind::kUntilClose}), "all of it|");
  EXPECT_EQ(Decode("NEXT", {}), "|NEXT");
}

std::string Absolute(std::string_view text) {
  const auto target = ParseAbsoluteTarget(text);
  return target ? target->authority.ToString() + " " + target->origin : "refused";
}

TEST(TargetTest, IsTakenApart) {
  EXPECT_EQ(Absolute("http://A.example/x?y"), "a.example:80 /x?y");
  EXPECT_EQ(Absolute("HTTP://a.example:8080"), "a.example:8080 /");
  EXPECT_EQ(Absolute("http://a.example.?q"), "a.example:80 /?q");
  EXPECT_EQ(Absolute("http://[::1]:81/"), "[::1]:81 /");
  EXPECT_EQ(ParseConnectTarget("a.example:443")->ToString(), "a.example:443");
  EXPECT_EQ(ParseConnectTarget("[2001:DB8::1]:443")->ToString(), "[2001:db8::1]:443");
  EXPECT_EQ(PathOf("/x?y=/z"), "/x");
}

TEST(TargetTest, IsRefusedWhenItIsNotClearWhomItIsFor) {
  for (const char* text : {"https://a.example/",
                           "ftp://a.example/",
                           "/x",
                           "*",
                           "http:///x",
                           "http://",
                           "http://u@a.example/",
                           "http://u:p@a.example/",
                           "http://a.example@b.example/",
                           "http://a.example#b/",
                           "http://a.example:/",
                           "http://a.example:0/",
                           "http://a.example:x/",
                           "http://::1/",
                           "http://[a.example]/",
                           "http://[::1/",
                           "http://127.1/",
                           "http://0x7f.1/",
                           "http://2130706433/",
                           "http://a%2eexample/",
                           "http://a,b/"}) {
    EXPECT_EQ(Absolute(text), "refused") << text;
  }
  EXPECT_EQ(Absolute("http://a.example\\@b.example/"), "a.example:80 /\\@b.example/");
  for (const char* text : {"a.example", "a.example:", "a.example:443/", "http://a.example:443",
                           "u@a.example:443", "[::1]", "::1:443", "127.1:443"}) {
    EXPECT_FALSE(ParseConnectTarget(text)) << text;
  }
}

TEST(ReplacerTest, ReplacesAcrossBordersAndHoldsBackNoMore) {
  const std::string text = "a secret-1, secret-12 and secret-1";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    Replacer replacer(
        std::vector<Replacer::Pair>{{"secret-1", "XXXXXXXX"}, {"secret-12", "YYYYYYYYY"}});
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += step) {
      out += replacer.Feed(std::string_view(text).substr(at, step));
    }
    EXPECT_EQ(out + replacer.Finish(), "a XXXXXXXX, YYYYYYYYY and XXXXXXXX") << step;
  }
  Replacer replacer(std::vector<Replacer::Pair>{{"secret-1", "XXXXXXXX"}});
  EXPECT_EQ(replacer.Feed("data: s\n\n"), "data: s\n\n");
  EXPECT_EQ(replacer.Feed("sec"), "");
  EXPECT_EQ(replacer.Feed("ond"), "second");
  EXPECT_EQ(replacer.Feed("secsecret"), "sec");
  EXPECT_EQ(replacer.Finish(), "secret");
}

TEST(ReplacerTest, WithoutPairsChangesNothing) {
  Replacer replacer;
  EXPECT_EQ(replacer.Feed("abc"), "abc");
  EXPECT_EQ(replacer.Finish(), "");
}

}  // namespace
}  // namespace vm0::egress
