// SPDX-License-Identifier: Apache-2.0
#include "e2b/envelope.h"

#include <gmock/gmock.h>

namespace vm0::e2b {
namespace {

TEST(Envelope, HasItsLengthInFourBytesBigEndian) {
  EXPECT_EQ(FormatEnvelope({2, "ab"}), std::string("\x02\0\0\0\x02"
                                                   "ab",
                                                   7));
  EXPECT_EQ(FormatEnvelope({0, std::string(258, 'x')}).substr(0, 5),
            std::string("\0\0\0\x01\x02", 5));
}

TEST(Envelope, IsTheSameInPiecesOfAnySize) {
  const std::string bytes = FormatEnvelope({0, "first"}) + FormatEnvelope({0, ""}) +
                            FormatEnvelope({Envelope::kEndStream, "{}"});
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    EnvelopeParser parser;
    std::vector<Envelope> all;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      auto some = parser.Feed(std::string_view(bytes).substr(at, size)).value();
      for (auto& one : some) all.push_back(std::move(one));
    }
    ASSERT_EQ(all.size(), 3U) << size;
    EXPECT_EQ(all[0].message, "first");
    EXPECT_EQ(all[1].message, "");
    EXPECT_EQ(all[2].flags, Envelope::kEndStream);
    EXPECT_FALSE(parser.is_inside());
  }
}

TEST(Envelope, ThatIsCutIsNoMessageYet) {
  EnvelopeParser parser;
  EXPECT_TRUE(parser.Feed(FormatEnvelope({0, "whole"}).substr(0, 8)).value().empty());
  EXPECT_TRUE(parser.is_inside());
}

TEST(Envelope, ThatIsTooLargeOrCompressedIsRefusedByItsHead) {
  EnvelopeParser large;
  EXPECT_EQ(large.Feed(std::string("\0\x01\0\0\x01", 5)).error().code, Code::kPayloadTooLarge);
  EnvelopeParser compressed;
  EXPECT_EQ(compressed.Feed(std::string("\x01\0\0\0\x01", 5)).error().code, Code::kUnreachable);
}

}  // namespace
}  // namespace vm0::e2b
