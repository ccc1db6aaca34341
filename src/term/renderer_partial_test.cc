// SPDX-License-Identifier: Apache-2.0
// Text that is shown while it is being written.
#include <gtest/gtest.h>

#include "term/renderer.h"

namespace vm0::term {
namespace {

class PartialRendering : public testing::Test {
 protected:
  std::string Begin() { return Render(agent::TextDelta{"", true}); }
  std::string Piece(std::string text) { return Render(agent::TextDelta{std::move(text), false}); }
  std::string Full(std::string text) { return Render(agent::Text{std::move(text)}); }

  // In braces, since the operands of + have no order.
  static std::string All(std::initializer_list<std::string> parts) {
    std::string all;
    for (const std::string& part : parts) all += part;
    return all;
  }

  template <class Data>
  std::string Render(Data data, std::optional<std::string> parent = std::nullopt) {
    return renderer_.Render({std::move(parent), std::move(data)}, WallTime());
  }

  Renderer renderer_{{.partial = true}};
};

TEST_F(PartialRendering, ShowsPiecesAsTheyComeAndTheTextOnce) {
  EXPECT_EQ(Begin(), "");
  EXPECT_EQ(Piece("Hel"), "[text] Hel");
  EXPECT_EQ(Piece("lo\nwor"), "lo\nwor");
  EXPECT_EQ(Piece("ld"), "ld");
  EXPECT_EQ(Full("Hello\nworld"), "\n");
  EXPECT_EQ(Full("Hello\nworld"), "[text] Hello\nworld\n");
}

TEST_F(PartialRendering, CompletesWhatWasShown) {
  Piece("Hel");
  EXPECT_EQ(Full("Hello"), "lo\n");
}

TEST_F(PartialRendering, ShowsATextThatSaysSomethingElse) {
  Piece("Hel");
  EXPECT_EQ(Full("Goodbye"), "\n[text] Goodbye\n");
}

TEST_F(PartialRendering, ShowsAShorterTextAgain) {
  Piece("Hello");
  EXPECT_EQ(Full("Hel"), "\n[text] Hel\n");
}

TEST_F(PartialRendering, ShowsTextsThatCameInOneBurstOnce) {
  EXPECT_EQ(All({Begin(), Piece("one"), Begin(), Piece("two")}), "[text] one\n[text] two");
  EXPECT_EQ(Full("one"), "");
  EXPECT_EQ(Render(agent::ToolUse{"Bash", "t", {}}), "\n[tool_use] Bash\n");
  EXPECT_EQ(Full("two"), "");
}

TEST_F(PartialRendering, ShowsARetriedTextOnce) {
  Begin();
  Piece("Hel");
  EXPECT_EQ(Render(agent::Notice{"API error"}), "\nAPI error\n");
  EXPECT_EQ(All({Begin(), Piece("Hello")}), "[text] Hello");
  EXPECT_EQ(Full("Hello"), "\n");
}

TEST_F(PartialRendering, GoesOnBehindAnInterruption) {
  Piece("Hel");
  EXPECT_EQ(Render(agent::Text{"sub"}, "t1"), "\n  [text] sub\n");
  EXPECT_EQ(Piece("lo"), "[text] lo");
  EXPECT_EQ(renderer_.RenderLine(event::Source::kStdout, "line"), "\nline\n");
  EXPECT_EQ(Full("Hello"), "");
}

TEST_F(PartialRendering, ShowsTheRestInFullWhenItsLineWasClosed) {
  Piece("Hel");
  EXPECT_EQ(renderer_.CloseLine(), "\n");
  EXPECT_EQ(renderer_.CloseLine(), "");
  EXPECT_EQ(Full("Hello"), "[text] Hello\n");
}

TEST_F(PartialRendering, ForgetsPiecesAtTheEndOfAMessage) {
  Piece("Hello");
  EXPECT_EQ(Render(agent::ToolResult{"t", "x", false}), "\n[tool_result] Completed\n  x\n");
  EXPECT_EQ(Full("Hello"), "[text] Hello\n");
}

TEST_F(PartialRendering, LeavesPiecesOfSubAgentsOut) {
  EXPECT_EQ(Render(agent::TextDelta{"x", true}, "t1"), "");
  EXPECT_EQ(renderer_.CloseLine(), "");
}

TEST_F(PartialRendering, NeedsNoBeginnings) {
  EXPECT_EQ(All({Piece("a"), Full("a"), Piece("b"), Full("b")}), "[text] a\n[text] b\n");
}

TEST_F(PartialRendering, SurvivesPiecesWithoutEnd) {
  Begin();
  Piece("oldest");
  for (int i = 0; i < 100000; ++i) {
    Begin();
    Piece("x");
  }
  EXPECT_EQ(Full("x"), "");
  EXPECT_EQ(Full("oldest"), "\n[text] oldest\n");  // it remembers a bounded number of them
  Piece("x");
  EXPECT_EQ(Render(agent::ResultEvent{}).substr(0, 2), "\n[");
}

TEST(Rendering, LeavesPiecesOutUnlessAskedFor) {
  Renderer renderer({.verbose = true});
  EXPECT_EQ(renderer.Render({std::nullopt, agent::TextDelta{"Hel", true}}, WallTime()), "");
  EXPECT_EQ(renderer.Render({std::nullopt, agent::Text{"Hello"}}, WallTime()), "[text] Hello\n");
}

TEST(Rendering, MarksAPartialTextWithTheTimeOfItsFirstPiece) {
  Renderer renderer({.verbose = true, .partial = true});
  const auto render = [&](auto data, int millis) {
    return renderer.Render({std::nullopt, std::move(data)}, WallTime(Millis(millis)));
  };
  render(agent::Notice{"n"}, 0);
  EXPECT_EQ(render(agent::TextDelta{"", true}, 100), "");
  EXPECT_EQ(render(agent::TextDelta{"a", false}, 300), "[text] [+300ms] a");
  EXPECT_EQ(render(agent::TextDelta{"b", false}, 400), "b");
  EXPECT_EQ(render(agent::Text{"ab"}, 500), "\n");
}

}  // namespace
}  // namespace vm0::term
