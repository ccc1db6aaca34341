// SPDX-License-Identifier: Apache-2.0
#include "term/renderer.h"

#include <gtest/gtest.h>

namespace vm0::term {
namespace {

using agent::ParsedEvent;

WallTime At(std::int64_t millis) { return WallTime(Millis(millis)); }

template <class Data>
ParsedEvent Event(Data data, std::optional<std::string> parent = std::nullopt) {
  return {std::move(parent), std::move(data)};
}

// One event alone, without colour.
template <class Data>
std::string Rendered(Data data, Renderer::Options options = {}) {
  return Renderer(options).Render(Event(std::move(data)), At(0));
}

template <class Data>
std::string Coloured(Data data) {
  return Rendered(std::move(data), {.colour = Colour::kOn});
}

agent::ToolUse Use(json::object input, std::string tool = "Bash") {
  return {std::move(tool), "toolu_1", std::move(input)};
}

agent::ToolResult Answer(json::value result, bool is_error = false) {
  return {"toolu_1", std::move(result), is_error};
}

agent::Init SomeInit() {
  return {"Claude Code", "session-1", "claude-sonnet-4-5", {"Bash", "Read"}, std::nullopt};
}

agent::ResultEvent SomeResult() {
  return {true,
          "the answer",
          45200.0,
          3,
          0.02614095,
          json::object{
              {"input_tokens", 7000}, {"output_tokens", 999}, {"cache_read_input_tokens", 28543}}};
}

// The renderer tests of the reference, byte for byte.

constexpr std::string_view kInitLines =
    "\x1b[36m[init]\x1b[39m Starting Claude Code agent\n"
    "  Session: \x1b[90msession-1\x1b[39m\n"
    "  Model: \x1b[90mclaude-sonnet-4-5\x1b[39m\n"
    "  Tools: \x1b[90mBash, Read\x1b[39m\n";

TEST(Renderer, ShowsInitInFourLines) { EXPECT_EQ(Coloured(SomeInit()), kInitLines); }

TEST(Renderer, DoesNotShowTheCwdOfInit) {
  agent::Init init = SomeInit();
  init.cwd = "/home/user";
  EXPECT_EQ(Coloured(init), kInitLines);
}

TEST(Renderer, ShowsText) {
  EXPECT_EQ(Coloured(agent::Text{"Hello\nworld"}), "\x1b[34m[text]\x1b[39m Hello\nworld\n");
  EXPECT_EQ(Coloured(agent::Text{""}), "\x1b[34m[text]\x1b[39m \n");
}

TEST(Renderer, KeepsLongText) {
  const std::string text(500, 'a');
  EXPECT_EQ(Coloured(agent::Text{text}), "\x1b[34m[text]\x1b[39m " + text + "\n");
}

TEST(Renderer, ShowsTheInputsOfAToolCall) {
  EXPECT_EQ(Coloured(Use({{"command", "ls -la"}, {"timeout", 5000}, {"background", false}})),
            "\x1b[33m[tool_use]\x1b[39m Bash\n"
            "  command: \x1b[90mls -la\x1b[39m\n"
            "  timeout: \x1b[90m5000\x1b[39m\n"
            "  background: \x1b[90mfalse\x1b[39m\n");
}

TEST(Renderer, CutsAnInputLongerThan100) {
  const std::string whole(100, 'b');
  EXPECT_EQ(Rendered(Use({{"k", whole}})), "[tool_use] Bash\n  k: " + whole + "\n");
  EXPECT_EQ(Rendered(Use({{"k", whole + "b"}})), "[tool_use] Bash\n  k: " + whole + "...\n");
}

TEST(Renderer, ShowsAToolCallWithoutInputInOneLine) {
  EXPECT_EQ(Coloured(Use({})), "\x1b[33m[tool_use]\x1b[39m Bash\n");
}

TEST(Renderer, SkipsInputsThatAreNull) {
  EXPECT_EQ(Rendered(Use({{"a", nullptr}, {"b", 0}, {"c", ""}})),
            "[tool_use] Bash\n  b: 0\n  c: \n");
}

TEST(Renderer, ShowsAToolResult) {
  EXPECT_EQ(Coloured(Answer("file.txt")),
            "\x1b[32m[tool_result]\x1b[39m Completed\n  \x1b[90mfile.txt\x1b[39m\n");
}

TEST(Renderer, ShowsAFailedToolResult) {
  EXPECT_EQ(Coloured(Answer("no such file", true)),
            "\x1b[31m[tool_result]\x1b[39m Error\n  \x1b[90mno such file\x1b[39m\n");
}

TEST(Renderer, CutsAToolResultLongerThan200) {
  const std::string whole(200, 'c');
  EXPECT_EQ(Rendered(Answer(json::string(whole))), "[tool_result] Completed\n  " + whole + "\n");
  EXPECT_EQ(Rendered(Answer(json::string(whole + "c"))),
            "[tool_result] Completed\n  " + whole + "...\n");
}

TEST(Renderer, ShowsAResultWithAllItsLines) {
  EXPECT_EQ(Coloured(SomeResult()),
            "\x1b[32m[result]\x1b[39m ✓ completed successfully\n"
            "  Duration: \x1b[90m45.2s\x1b[39m\n"
            "  Cost: \x1b[90m$0.0261\x1b[39m\n"
            "  Turns: \x1b[90m3\x1b[39m\n"
            "  Tokens: \x1b[90minput=7k output=999\x1b[39m\n");
}

TEST(Renderer, ShowsAFailedResultWithItsError) {
  EXPECT_EQ(Coloured(agent::ResultEvent{false, "API Error: 400", 205.0, 1, 0.0, std::nullopt}),
            "\x1b[31m[result]\x1b[39m ✗ failed\n"
            "  Error: \x1b[90mAPI Error: 400\x1b[39m\n"
            "  Duration: \x1b[90m0.2s\x1b[39m\n"
            "  Cost: \x1b[90m$0.0000\x1b[39m\n"
            "  Turns: \x1b[90m1\x1b[39m\n");
}

TEST(Renderer, ShowsManyTokensInThousands) {
  agent::ResultEvent result = SomeResult();
  result.usage = json::object{{"input_tokens", 28543}, {"output_tokens", 1000}};
  EXPECT_TRUE(Rendered(result).ends_with("  Tokens: input=28k output=1k\n"));
}

TEST(Renderer, ShowsZerosOfAResult) {
  EXPECT_EQ(Rendered(agent::ResultEvent{true, "", 0.0, 0, 0.0, json::object()}),
            "[result] ✓ completed successfully\n"
            "  Duration: 0.0s\n"
            "  Cost: $0.0000\n"
            "  Turns: 0\n"
            "  Tokens: input=0 output=0\n");
}

TEST(Renderer, ShowsEventsWithMissingFields) {
  EXPECT_EQ(Coloured(agent::Init{"Claude Code", "", "", {}, std::nullopt}),
            "\x1b[36m[init]\x1b[39m Starting Claude Code agent\n"
            "  Session: \n"
            "  Model: \n"
            "  Tools: \n");
  EXPECT_EQ(Coloured(Answer(nullptr)), "\x1b[32m[tool_result]\x1b[39m Completed\n  \n");
  agent::ResultEvent result;
  result.success = true;
  EXPECT_EQ(Rendered(result),
            "[result] ✓ completed successfully\n"
            "  Duration: 0.0s\n"
            "  Cost: $0.0000\n"
            "  Turns: 0\n");
}

// What the reference did not do.

TEST(Renderer, ClosesAndReopensTheColourAtALineBreak) {
  EXPECT_EQ(Coloured(Answer("a\nb")),
            "\x1b[32m[tool_result]\x1b[39m Completed\n"
            "  \x1b[90ma\x1b[39m\n"
            "\x1b[90mb\x1b[39m\n");
}

TEST(Renderer, RoundsADurationThatIsATieUp) {
  agent::ResultEvent result = SomeResult();
  result.duration_ms = 250;
  EXPECT_NE(Rendered(result).find("  Duration: 0.3s\n"), std::string::npos);
}

TEST(Renderer, NeverCutsACodePointInHalf) {
  const std::string text = std::string(99, 'x') + "🙂🙂";
  EXPECT_EQ(Rendered(Use({{"k", text}})),
            "[tool_use] Bash\n  k: " + std::string(99, 'x') + "...\n");
}

TEST(Renderer, ShowsNestedInputsAsJson) {
  EXPECT_EQ(Rendered(Use({{"edits", json::array{json::object{{"a", 1}}, "x", nullptr}},
                          {"o", json::object{{"k", "v\n"}}},
                          {"d", 0.5}})),
            "[tool_use] Bash\n"
            "  edits: [{\"a\":1},\"x\",null]\n"
            "  o: {\"k\":\"v\\n\"}\n"
            "  d: 0.5\n");
}

TEST(Renderer, JoinsTheBlocksOfAToolResult) {
  const json::array blocks = {json::object{{"type", "text"}, {"text", "one"}},
                              json::object{{"type", "text"}, {"text", "two"}},
                              json::object{{"type", "image"}, {"n", 1}}, "bare",
                              json::object{{"type", "text"}}};
  EXPECT_EQ(Rendered(Answer(blocks)),
            "[tool_result] Completed\n"
            "  one\ntwo\n{\"type\":\"image\",\"n\":1}\nbare\n{\"type\":\"text\"}\n");
  EXPECT_EQ(Rendered(Answer(json::array())), "[tool_result] Completed\n  \n");
  EXPECT_EQ(Rendered(Answer(json::object{{"a", 1}})), "[tool_result] Completed\n  {\"a\":1}\n");
  EXPECT_EQ(Rendered(Answer(7)), "[tool_result] Completed\n  7\n");
}

TEST(Renderer, CutsThinkingNoticesPlainEventsAndErrorsAt200) {
  const std::string long_text(201, 'x');
  const std::string cut = std::string(200, 'x') + "...";
  EXPECT_EQ(Coloured(agent::Thinking{"hm"}), "\x1b[90m[thinking]\x1b[39m hm\n");
  EXPECT_EQ(Rendered(agent::Thinking{long_text}), "[thinking] " + cut + "\n");
  EXPECT_EQ(Rendered(agent::Notice{long_text}), cut + "\n");
  EXPECT_EQ(Rendered(agent::Plain{"ping", long_text}), "[ping] " + cut + "\n");
  agent::ResultEvent failed;
  failed.result = long_text;
  EXPECT_TRUE(Rendered(failed).starts_with("[result] ✗ failed\n  Error: " + cut + "\n"));
}

TEST(Renderer, CutsNothingWithFull) {
  const Renderer::Options full{.full = true};
  const std::string text(1 << 20, 'x');
  EXPECT_EQ(Rendered(Use({{"k", text}}), full), "[tool_use] Bash\n  k: " + text + "\n");
  EXPECT_EQ(Rendered(Answer(json::string(text)), full),
            "[tool_result] Completed\n  " + text + "\n");
  EXPECT_EQ(Rendered(agent::Thinking{text}, full), "[thinking] " + text + "\n");
  EXPECT_EQ(Rendered(agent::Notice{text}, full), text + "\n");
  EXPECT_EQ(Rendered(agent::Plain{"p", text}, full), "[p] " + text + "\n");
  agent::ResultEvent failed;
  failed.result = text;
  EXPECT_NE(Rendered(failed, full).find("  Error: " + text + "\n"), std::string::npos);
}

TEST(Renderer, ShowsNoticesDimOnOneLine) {
  EXPECT_EQ(Coloured(agent::Notice{"a\nb"}), "\x1b[2ma␊b\x1b[22m\n");
}

TEST(Renderer, ShowsPlainEventsWithTypeAndJson) {
  EXPECT_EQ(Coloured(agent::Plain{"ping", R"({"type":"ping"})"}),
            "\x1b[36m[ping]\x1b[39m {\"type\":\"ping\"}\n");
}

TEST(Renderer, MakesAllTextOfTheAgentHarmless) {
  const std::string evil = "x\x1b[2J\x07\xC2\x9B\u202E";
  const std::string shown = "x␛[2J␇\uFFFD\uFFFD";
  EXPECT_EQ(Rendered(agent::Init{evil, evil, evil, {evil, evil}, evil}),
            "[init] Starting " + shown + " agent\n  Session: " + shown + "\n  Model: " + shown +
                "\n  Tools: " + shown + ", " + shown + "\n");
  EXPECT_EQ(Rendered(agent::Text{evil}), "[text] " + shown + "\n");
  EXPECT_EQ(Rendered(agent::Thinking{evil}), "[thinking] " + shown + "\n");
  EXPECT_EQ(Rendered(Use({{evil, evil}}, evil)),
            "[tool_use] " + shown + "\n  " + shown + ": " + shown + "\n");
  EXPECT_EQ(Rendered(Answer(json::string(evil))), "[tool_result] Completed\n  " + shown + "\n");
  EXPECT_EQ(Rendered(agent::Notice{evil}), shown + "\n");
  EXPECT_EQ(Rendered(agent::Plain{evil, evil}), "[" + shown + "] " + shown + "\n");
  agent::ResultEvent failed;
  failed.result = evil;
  EXPECT_TRUE(Rendered(failed).starts_with("[result] ✗ failed\n  Error: " + shown + "\n"));
  Renderer renderer({.partial = true});
  EXPECT_EQ(renderer.Render(Event(agent::TextDelta{evil}), At(0)), "[text] " + shown);
  EXPECT_EQ(renderer.RenderLine(event::Source::kStderr, evil), shown + "\n");
}

TEST(Renderer, LetsNoNameForgeALine) {
  const std::string forged = "Bash\n[result] ✓ completed successfully";
  EXPECT_EQ(Rendered(Use({{forged, 1}}, forged)),
            "[tool_use] Bash␊[result] ✓ completed successfully\n"
            "  Bash␊[result] ✓ completed successfully: 1\n");
  agent::Init init = SomeInit();
  init.session_id = init.model = forged;
  init.tools = {forged};
  EXPECT_EQ(std::ranges::count(Rendered(init), '\n'), 4);
  EXPECT_EQ(std::ranges::count(Rendered(agent::Plain{forged, forged}), '\n'), 1);
}

TEST(Renderer, IndentsSubAgentsByLevel) {
  Renderer renderer({});
  const auto render = [&](auto data, std::optional<std::string> parent) {
    return renderer.Render(Event(std::move(data), std::move(parent)), At(0));
  };
  EXPECT_EQ(render(agent::ToolUse{"Task", "t1", {}}, std::nullopt), "[tool_use] Task\n");
  EXPECT_EQ(render(agent::Text{"a\nb"}, "t1"), "  [text] a\n  b\n");
  EXPECT_EQ(render(agent::ToolUse{"Task", "t2", {{"k", "v"}}}, "t1"),
            "  [tool_use] Task\n    k: v\n");
  EXPECT_EQ(render(agent::Text{"c"}, "t2"), "    [text] c\n");
  EXPECT_EQ(render(agent::Text{"d"}, "t1"), "  [text] d\n");
  EXPECT_EQ(render(agent::Text{"e"}, std::nullopt), "[text] e\n");
  EXPECT_EQ(render(agent::Text{"f"}, "never seen"), "  [text] f\n");
}

TEST(Renderer, IndentsColouredLinesInFrontOfTheirCodes) {
  Renderer renderer({.colour = Colour::kOn});
  EXPECT_EQ(renderer.Render(Event(Answer("a\nb"), "t"), At(0)),
            "  \x1b[32m[tool_result]\x1b[39m Completed\n"
            "    \x1b[90ma\x1b[39m\n"
            "  \x1b[90mb\x1b[39m\n");
}

TEST(Renderer, BoundsTheIndentOfAChainOfSubAgents) {
  Renderer renderer({});
  std::string line;
  for (int i = 0; i < 1000; ++i)
    line = renderer.Render(Event(agent::ToolUse{"T", std::to_string(i + 1), {}}, std::to_string(i)),
                           At(0));
  EXPECT_EQ(line, std::string(16, ' ') + "[tool_use] T\n");
}

TEST(Renderer, ShowsAResultThatComesTwiceOnce) {
  Renderer renderer({});
  EXPECT_NE(renderer.Render(Event(SomeResult()), At(0)), "");
  EXPECT_EQ(renderer.Render(Event(SomeResult()), At(1)), "");
  agent::ResultEvent other = SomeResult();
  other.num_turns = 4;
  EXPECT_NE(renderer.Render(Event(other), At(2)), "");
  EXPECT_NE(renderer.Render(Event(agent::Text{"x"}), At(3)), "");
  EXPECT_NE(renderer.Render(Event(other), At(4)), "");
}

TEST(Renderer, ShowsTheTimeSinceThePreviousEvent) {
  Renderer renderer({.verbose = true, .colour = Colour::kOn});
  EXPECT_EQ(renderer.Render(Event(agent::Text{"a"}), At(10'000)), "\x1b[34m[text]\x1b[39m a\n");
  EXPECT_EQ(renderer.Render(Event(agent::Text{"b"}), At(10'500)),
            "\x1b[34m[text]\x1b[39m \x1b[90m[+500ms]\x1b[39m b\n");
  EXPECT_EQ(renderer.Render(Event(Answer("x")), At(12'750)),
            "\x1b[32m[tool_result]\x1b[39m \x1b[90m[+2.3s]\x1b[39m Completed\n"
            "  \x1b[90mx\x1b[39m\n");
  EXPECT_EQ(renderer.Render(Event(agent::Notice{"n"}), At(12'750)),
            "\x1b[2mn\x1b[22m \x1b[90m[+0ms]\x1b[39m\n");
}

TEST(Renderer, ShowsLinesOfOtherSources) {
  Renderer renderer({.stderr_colour = Colour::kOn});
  EXPECT_EQ(renderer.RenderLine(event::Source::kStdout, "bare\tline\r"), "bare\tline\n");
  EXPECT_EQ(renderer.RenderLine(event::Source::kStdout, ""), "\n");
  EXPECT_EQ(renderer.RenderLine(event::Source::kStderr, "warning"), "\x1b[2mwarning\x1b[22m\n");
  EXPECT_EQ(renderer.RenderLine(event::Source::kVm0, "line cut"),
            "\x1b[2m[vm0] line cut\x1b[22m\n");
  EXPECT_EQ(renderer.RenderLine(event::Source::kStdout, "\xff\x1b"), "\uFFFD␛\n");
}

TEST(Renderer, RendersAHugeResultInLinearTime) {
  const std::string huge(16 << 20, '\n');
  EXPECT_EQ(Rendered(Answer(json::string(huge)), {.full = true}).size(), huge.size() + 27);
  Renderer renderer({.colour = Colour::kOn});
  EXPECT_LT(renderer.Render(Event(Answer(json::string(huge)), "t"), At(0)).size(), 10000u);
}

}  // namespace
}  // namespace vm0::term
