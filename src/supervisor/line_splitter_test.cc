// SPDX-License-Identifier: Apache-2.0
#include "supervisor/line_splitter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace vm0::supervisor {
namespace {

using Lines = std::vector<std::pair<std::string, std::uint64_t>>;

class Collector {
 public:
  LineSplitter::Sink sink() {
    return [this](const Line& line) { lines.emplace_back(line.text, line.length); };
  }
  Lines lines;
};

Lines SplitIn(const std::vector<std::string_view>& pieces, std::size_t limit, std::size_t kept) {
  Collector collector;
  LineSplitter splitter(limit, kept);
  for (const auto piece : pieces) splitter.Feed(piece, collector.sink());
  splitter.Finish(collector.sink());
  return collector.lines;
}

TEST(LineSplitter, SplitsAtNewlinesOnly) {
  EXPECT_EQ(SplitIn({"a\r\nb\xe2\x80\xa8\x0b\n\nc"}, 100, 10),
            (Lines{{"a\r", 2}, {"b\xe2\x80\xa8\x0b", 5}, {"", 0}, {"c", 1}}));
}

TEST(LineSplitter, CompletesAnUnterminatedLastLineAndInventsNone) {
  EXPECT_EQ(SplitIn({"a\n"}, 10, 5), (Lines{{"a", 1}}));
  EXPECT_EQ(SplitIn({"a"}, 10, 5), (Lines{{"a", 1}}));
  EXPECT_EQ(SplitIn({}, 10, 5), Lines{});
  EXPECT_EQ(SplitIn({"\n"}, 10, 5), (Lines{{"", 0}}));
}

TEST(LineSplitter, CutsALineAboveTheLimitAndGivesItsLength) {
  EXPECT_EQ(SplitIn({"12345\n123456\nx\n"}, 5, 3), (Lines{{"12345", 5}, {"123", 6}, {"x", 1}}));
  EXPECT_EQ(SplitIn({"1234", "56", "7\n", "12345", "\n"}, 5, 3), (Lines{{"123", 7}, {"12345", 5}}));
  EXPECT_EQ(SplitIn({"123456"}, 5, 3), (Lines{{"123", 6}}));
}

TEST(LineSplitter, GivesTheSameInEveryWayOfPieces) {
  const std::string text = "ab\n\n12345\n123456\n1234567890\nlast";
  const Lines expected = SplitIn({text}, 5, 3);
  ASSERT_EQ(expected.size(), 6u);
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      const std::string_view view = text;
      EXPECT_EQ(
          SplitIn({view.substr(0, first), view.substr(first, second - first), view.substr(second)},
                  5, 3),
          expected)
          << first << " " << second;
    }
  }
}

TEST(LineSplitter, GivesTheSameInRandomPieces) {
  std::mt19937 random(1);
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "ab\n"[random() % 3];
  const Lines expected = SplitIn({text}, 8, 4);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string_view> pieces;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t size = std::min<std::size_t>(random() % 40, rest.size());
      pieces.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    EXPECT_EQ(SplitIn(pieces, 8, 4), expected);
  }
}

TEST(LineSplitter, NeverHoldsMuchMoreThanTheLimit) {
  Collector collector;
  LineSplitter splitter(1 << 20, 64 << 10);
  const std::string piece(64 << 10, 'x');
  for (int i = 0; i < 1000; ++i) {
    splitter.Feed(piece, collector.sink());
    ASSERT_LE(splitter.buffered(), 2u << 20);
  }
  splitter.Feed("\n", collector.sink());
  ASSERT_EQ(collector.lines.size(), 1u);
  EXPECT_EQ(collector.lines[0].first.size(), 64u << 10);
  EXPECT_EQ(collector.lines[0].second, 1000 * piece.size());
  EXPECT_LE(splitter.buffered(), 512u << 10) << "the memory of a huge line is given back";
}

}  // namespace
}  // namespace vm0::supervisor
