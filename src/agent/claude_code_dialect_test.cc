// SPDX-License-Identifier: Apache-2.0
#include "agent/claude_code_dialect.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace vm0::agent {
namespace {

std::vector<ParsedEvent> Parse(std::string_view raw) { return ClaudeCodeDialect().Parse(raw); }

// The only event that `raw` means, as `Data`.
template <class Data>
Data Only(std::string_view raw) {
  const auto events = Parse(raw);
  EXPECT_EQ(events.size(), 1u) << raw;
  if (events.size() != 1) return {};
  const Data* data = std::get_if<Data>(&events.front().data);
  EXPECT_NE(data, nullptr) << raw;
  return data == nullptr ? Data{} : *data;
}

std::string Assistant(std::string_view blocks) {
  return R"({"type":"assistant","message":{"role":"assistant","content":[)" + std::string(blocks) +
         "]}}";
}

std::string User(std::string_view blocks) {
  return R"({"type":"user","message":{"role":"user","content":[)" + std::string(blocks) + "]}}";
}

// All events of `raw` as the API shows them, one a line.
std::string Shown(std::string_view raw) {
  std::string lines;
  for (const ParsedEvent& event : Parse(raw)) lines += vm0::ToJson(ToJson(event)) + "\n";
  return lines;
}

// The parser tests of the reference.

TEST(ClaudeCodeDialect, ReadsInitWithAllFields) {
  const auto init =
      Only<Init>(R"({"type":"system","subtype":"init","cwd":"/home/user","session_id":"s-1",)"
                 R"("tools":["Bash","Read"],"model":"claude-sonnet-4-5"})");
  EXPECT_EQ(init.agent, "Claude Code");
  EXPECT_EQ(init.session_id, "s-1");
  EXPECT_EQ(init.model, "claude-sonnet-4-5");
  EXPECT_EQ(init.tools, (std::vector<std::string>{"Bash", "Read"}));
  EXPECT_EQ(init.cwd, "/home/user");
}

TEST(ClaudeCodeDialect, ReadsInitWithoutCwd) {
  EXPECT_FALSE(Only<Init>(R"({"type":"system","subtype":"init","session_id":"s"})").cwd);
  EXPECT_FALSE(Only<Init>(R"({"type":"system","subtype":"init","cwd":""})").cwd);
}

TEST(ClaudeCodeDialect, ReadsText) {
  EXPECT_EQ(Only<Text>(Assistant(R"({"type":"text","text":"Hello"})")).text, "Hello");
}

TEST(ClaudeCodeDialect, KeepsQuotesNewlinesAndTabsOfText) {
  EXPECT_EQ(Only<Text>(Assistant(R"({"type":"text","text":"a \"b\"\n\tc\\"})")).text,
            "a \"b\"\n\tc\\");
}

TEST(ClaudeCodeDialect, ReadsAToolCall) {
  const auto use = Only<ToolUse>(
      Assistant(R"({"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"ls"}})"));
  EXPECT_EQ(use.tool, "Bash");
  EXPECT_EQ(use.tool_use_id, "toolu_1");
  EXPECT_EQ(vm0::ToJson(use.input), R"({"command":"ls"})");
}

TEST(ClaudeCodeDialect, KeepsNestedInput) {
  const auto use = Only<ToolUse>(Assistant(
      R"({"type":"tool_use","id":"t","name":"X","input":{"z":{"y":[1,{"x":null}]},"a":true}})"));
  EXPECT_EQ(vm0::ToJson(use.input), R"({"z":{"y":[1,{"x":null}]},"a":true})");
}

TEST(ClaudeCodeDialect, GivesAToolCallWithoutInputAnEmptyOne) {
  for (const char* block : {R"({"type":"tool_use","id":"t","name":"X","input":{}})",
                            R"({"type":"tool_use","id":"t","name":"X"})",
                            R"({"type":"tool_use","id":"t","name":"X","input":"no object"})"})
    EXPECT_TRUE(Only<ToolUse>(Assistant(block)).input.empty()) << block;
}

TEST(ClaudeCodeDialect, ReadsAToolResult) {
  const auto result =
      Only<ToolResult>(User(R"({"tool_use_id":"t1","type":"tool_result","content":"out"})"));
  EXPECT_EQ(result.tool_use_id, "t1");
  EXPECT_EQ(result.result, json::value("out"));
}

TEST(ClaudeCodeDialect, ReadsAToolResultThatIsAnError) {
  EXPECT_TRUE(Only<ToolResult>(
                  User(R"({"type":"tool_result","content":"x","is_error":true,"tool_use_id":"t"})"))
                  .is_error);
}

TEST(ClaudeCodeDialect, TakesAToolResultForNoErrorByDefault) {
  for (const char* flag : {"", R"(,"is_error":false)", R"(,"is_error":null)"})
    EXPECT_FALSE(
        Only<ToolResult>(User(R"({"type":"tool_result","content":"x")" + std::string(flag) + "}"))
            .is_error);
}

TEST(ClaudeCodeDialect, ReadsASuccessfulResult) {
  const auto result = Only<ResultEvent>(
      R"({"type":"result","subtype":"success","is_error":false,"duration_ms":45200,"num_turns":3,)"
      R"("result":"Done","total_cost_usd":0.02614095,"usage":{"input_tokens":7000,)"
      R"("cache_read_input_tokens":28543,"output_tokens":99}})");
  EXPECT_TRUE(result.success);
  EXPECT_EQ(result.result, "Done");
  EXPECT_EQ(result.duration_ms, 45200);
  EXPECT_EQ(result.num_turns, 3);
  EXPECT_EQ(result.cost_usd, 0.02614095);
  ASSERT_TRUE(result.usage);
  EXPECT_EQ(vm0::ToJson(*result.usage),
            R"({"input_tokens":7000,"cache_read_input_tokens":28543,"output_tokens":99})");
}

TEST(ClaudeCodeDialect, ReadsAResultThatIsAnErrorAndKeepsItsText) {
  const auto result = Only<ResultEvent>(
      R"({"type":"result","subtype":"success","is_error":true,"result":"API Error: 400"})");
  EXPECT_FALSE(result.success);
  EXPECT_EQ(result.result, "API Error: 400");
}

TEST(ClaudeCodeDialect, KeepsEmptyUsage) {
  const auto result =
      Only<ResultEvent>(R"({"type":"result","subtype":"success","is_error":false,"usage":{}})");
  ASSERT_TRUE(result.usage);
  EXPECT_TRUE(result.usage->empty());
}

TEST(ClaudeCodeDialect, GivesNothingForWhatItDoesNotKnow) {
  for (const std::string& raw :
       {std::string(R"({"type":"unknown"})"), std::string(R"({"message":{}})"),
        std::string(R"({"type":7})"), Assistant(R"({"type":"image"})"), User(R"({"type":"image"})"),
        Assistant(""), User(""), std::string(R"({"type":"assistant"})"),
        std::string(R"({"type":"user"})"), std::string(R"({"type":"assistant","message":null})"),
        std::string(R"({"type":"assistant","message":{"content":7}})"),
        std::string(R"({"type":"assistant","message":{"content":[null,1,"x",[]]}})"),
        std::string(R"({"type":"system"})"), std::string(R"({"type":"system","subtype":7})"),
        std::string(R"({"type":"stream_event"})"),
        std::string(R"({"type":"stream_event","event":{"type":"content_block_delta"}})")})
    EXPECT_TRUE(Parse(raw).empty()) << raw;
}

TEST(ClaudeCodeDialect, GivesNothingForWhatIsNoObject) {
  for (std::string_view raw : {"", "null", "[]", "\"x\"", "1", "{", "{}", "not json",
                               "{\"type\":\"assistant\"", "\xff\xfe", "{\"type\":\"\xff\"}"}) {
    EXPECT_TRUE(Parse(raw).empty()) << raw;
    EXPECT_FALSE(ClaudeCodeDialect().Terminal(raw)) << raw;
  }
}

TEST(ClaudeCodeDialect, KeepsTenThousandCharacters) {
  const std::string text(10000, 'x');
  EXPECT_EQ(Only<Text>(Assistant(R"({"type":"text","text":")" + text + "\"}")).text, text);
}

TEST(ClaudeCodeDialect, KeepsZeroCostAndDuration) {
  const auto result = Only<ResultEvent>(
      R"({"type":"result","subtype":"success","duration_ms":0,"total_cost_usd":0,"num_turns":0})");
  EXPECT_TRUE(result.success);
  EXPECT_EQ(result.duration_ms, 0);
  EXPECT_EQ(result.cost_usd, 0);
  EXPECT_EQ(result.num_turns, 0);
}

// What the reference did not do.

TEST(ClaudeCodeDialect, GivesEveryBlockOfAMessageInOrder) {
  EXPECT_EQ(Shown(Assistant(R"({"type":"thinking","thinking":"hm","signature":"s"},)"
                            R"({"type":"text","text":"a"},{"type":"new_kind"},)"
                            R"({"type":"tool_use","id":"t","name":"Bash","input":{}})")),
            "{\"type\":\"thinking\",\"data\":{\"text\":\"hm\"}}\n"
            "{\"type\":\"text\",\"data\":{\"text\":\"a\"}}\n"
            "{\"type\":\"tool_use\",\"data\":{\"tool\":\"Bash\",\"toolUseId\":\"t\",\"input\":{}}}"
            "\n");
  EXPECT_EQ(Parse(User(R"({"type":"tool_result","tool_use_id":"a","content":"1"},)"
                       R"({"type":"tool_result","tool_use_id":"b","content":"2"})"))
                .size(),
            2u);
}

TEST(ClaudeCodeDialect, IgnoresThoughtsThatCanNotBeRead) {
  EXPECT_TRUE(Parse(Assistant(R"({"type":"redacted_thinking","data":"AAAA"})")).empty());
  EXPECT_TRUE(Parse(Assistant(R"({"type":"thinking","thinking":"","signature":"s"})")).empty());
}

TEST(ClaudeCodeDialect, TakesContentThatIsAString) {
  EXPECT_EQ(Only<Text>(R"({"type":"assistant","message":{"content":"hi"}})").text, "hi");
  EXPECT_EQ(Only<Notice>(R"({"type":"user","message":{"content":"hi"}})").text, "hi");
}

TEST(ClaudeCodeDialect, KeepsAToolResultOfBlocks) {
  const auto result = Only<ToolResult>(
      User(R"({"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"a"},)"
           R"({"type":"image","source":{}}]})"));
  EXPECT_EQ(vm0::ToJson(result.result),
            R"([{"type":"text","text":"a"},{"type":"image","source":{}}])");
}

TEST(ClaudeCodeDialect, HasANullResultWhereContentIsMissing) {
  EXPECT_TRUE(
      Only<ToolResult>(User(R"({"type":"tool_result","tool_use_id":"t"})")).result.is_null());
}

TEST(ClaudeCodeDialect, ReadsToolsThatRunAtTheProvider) {
  EXPECT_EQ(Only<ToolUse>(
                Assistant(R"({"type":"server_tool_use","id":"t","name":"web_search","input":{}})"))
                .tool,
            "web_search");
  EXPECT_EQ(Only<ToolResult>(
                Assistant(R"({"type":"web_search_tool_result","tool_use_id":"t","content":[]})"))
                .tool_use_id,
            "t");
}

TEST(ClaudeCodeDialect, MarksTheEventsOfASubAgent) {
  const auto events =
      Parse(R"({"type":"assistant","message":{"content":[{"type":"text","text":"a"},)"
            R"({"type":"text","text":"b"}]},"parent_tool_use_id":"toolu_9"})");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].parent_tool_use_id, "toolu_9");
  EXPECT_EQ(events[1].parent_tool_use_id, "toolu_9");
  for (const char* none : {"null", "\"\"", "7"}) {
    const auto main = Parse(R"({"type":"assistant","message":{"content":"a"},)"
                            R"("parent_tool_use_id":)" +
                            std::string(none) + "}");
    ASSERT_EQ(main.size(), 1u);
    EXPECT_FALSE(main[0].parent_tool_use_id) << none;
  }
}

TEST(ClaudeCodeDialect, DoesNotRepeatALongIdInEachEventOfALine) {
  const std::string line =
      R"({"type":"assistant","message":{"content":[{"type":"text"},{"type":"text"}]},)"
      R"("parent_tool_use_id":")";
  for (const ParsedEvent& event : Parse(line + std::string(256, 'p') + "\"}"))
    EXPECT_EQ(event.parent_tool_use_id, std::string(256, 'p'));
  const auto events = Parse(line + std::string(257, 'p') + "\"}");
  ASSERT_EQ(events.size(), 2u);
  for (const ParsedEvent& event : events) EXPECT_FALSE(event.parent_tool_use_id);
}

TEST(ClaudeCodeDialect, MakesUserTextANotice) {
  EXPECT_EQ(Only<Notice>(User(R"({"type":"text","text":"[Request interrupted by user]"})")).text,
            "[Request interrupted by user]");
}

TEST(ClaudeCodeDialect, DoesNotRepeatThePromptOfASubAgent) {
  EXPECT_TRUE(Parse(R"({"type":"user","message":{"content":[{"type":"text","text":"Do it"}]},)"
                    R"("parent_tool_use_id":"t"})")
                  .empty());
  EXPECT_EQ(Only<Notice>(R"({"type":"user","message":{"content":[{"type":"text","text":)"
                         R"("[Request interrupted by user for tool use]"}]},)"
                         R"("parent_tool_use_id":"t"})")
                .text,
            "[Request interrupted by user for tool use]");
}

TEST(ClaudeCodeDialect, MakesARetryANotice) {
  EXPECT_EQ(Only<Notice>(R"({"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,)"
                         R"("retry_delay_ms":517.6,"error_status":529,"error":"overloaded"})")
                .text,
            "API error 529 (overloaded), retry 1 of 10 in 518 ms");
  EXPECT_EQ(Only<Notice>(R"({"type":"system","subtype":"api_retry","error_status":null})").text,
            "API error, retry");
}

TEST(ClaudeCodeDialect, MakesADeniedPermissionANotice) {
  EXPECT_EQ(Only<Notice>(R"({"type":"system","subtype":"permission_denied","tool_name":"Bash",)"
                         R"("tool_use_id":"t","message":"not allowed"})")
                .text,
            "Permission denied: Bash: not allowed");
  EXPECT_EQ(Only<Notice>(R"({"type":"system","subtype":"permission_denied"})").text,
            "Permission denied: a tool");
}

TEST(ClaudeCodeDialect, ShowsNothingOfOtherSystemEvents) {
  for (const char* subtype : {"status", "thinking_tokens", "task_started", "task_progress",
                              "task_updated", "task_notification", "compact_boundary"})
    EXPECT_TRUE(Parse(R"({"type":"system","subtype":")" + std::string(subtype) + "\"}").empty())
        << subtype;
}

TEST(ClaudeCodeDialect, ReadsPiecesOfText) {
  EXPECT_EQ(Only<TextDelta>(R"({"type":"stream_event","event":{"type":"content_block_delta",)"
                            R"("index":0,"delta":{"type":"text_delta","text":"Hel"}}})")
                .text,
            "Hel");
  for (const char* delta : {R"({"type":"input_json_delta","partial_json":"{"})",
                            R"({"type":"thinking_delta","thinking":"x"})",
                            R"({"type":"text_delta","text":""})", "null"})
    EXPECT_TRUE(Parse(R"({"type":"stream_event","event":{"type":"content_block_delta","delta":)" +
                      std::string(delta) + "}}")
                    .empty())
        << delta;
}

TEST(ClaudeCodeDialect, TellsWhereATextBegins) {
  const auto delta = Only<TextDelta>(R"({"type":"stream_event","event":{"index":0,"type":)"
                                     R"("content_block_start","content_block":{"type":"text",)"
                                     R"("text":""}}})");
  EXPECT_TRUE(delta.begins);
  EXPECT_EQ(delta.text, "");
  for (const char* block : {R"({"type":"tool_use","id":"t","name":"X","input":{}})",
                            R"({"type":"thinking","thinking":""})", "null"})
    EXPECT_TRUE(Parse(R"({"type":"stream_event","event":{"type":"content_block_start",)"
                      R"("content_block":)" +
                      std::string(block) + "}}")
                    .empty())
        << block;
}

// Tools may be anything in a hostile init.
TEST(ClaudeCodeDialect, TakesToolsThatAreNoListOfStrings) {
  const auto tools = [](std::string_view json) {
    return Join(
        Only<Init>(R"({"type":"system","subtype":"init","tools":)" + std::string(json) + "}").tools,
        ", ");
  };
  EXPECT_EQ(tools(R"("Bash")"), "Bash");
  EXPECT_EQ(tools(R"([1,{"name":"X"},"Y"])"), R"(1, {"name":"X"}, Y)");
  EXPECT_EQ(tools("null"), "");
}

// What goes on.

TEST(ClaudeCodeDialect, TellsWhetherItWorksInTheBackground) {
  const auto background = [](const std::string& tasks) {
    return ClaudeCodeDialect().Background(
        R"({"type":"system","subtype":"background_tasks_changed","tasks":)" + tasks + "}");
  };
  EXPECT_EQ(background(R"([{"task_type":"local_agent"}])"), true);
  EXPECT_EQ(background(R"([{"task_type":"local_bash"},{"task_type":"of_tomorrow"}])"), true);
  EXPECT_EQ(background(R"([{"task_type":"local_bash"}])"), false) << "a command ends with it";
  EXPECT_EQ(background("[]"), false);
  EXPECT_EQ(background("7"), false);
  EXPECT_EQ(ClaudeCodeDialect().Background(R"({"type":"user","x":"background_tasks_changed"})"),
            std::nullopt);
  EXPECT_EQ(ClaudeCodeDialect().Background("{"), std::nullopt);
}

TEST(ClaudeCodeDialect, KnowsTheEventsOfATurnOfItsOwn) {
  const auto of_turn = [](const char* raw) { return ClaudeCodeDialect().IsOfTurn(raw); };
  EXPECT_TRUE(of_turn(R"({"type":"system","subtype":"init"})"));
  EXPECT_TRUE(of_turn(R"({"type":"assistant","parent_tool_use_id":null})"));
  EXPECT_TRUE(of_turn(R"({"type":"user"})"));
  EXPECT_TRUE(of_turn(R"({"type":"stream_event"})"));
  EXPECT_FALSE(of_turn(R"({"type":"assistant","parent_tool_use_id":"toolu_1"})"));
  EXPECT_FALSE(of_turn(R"({"type":"system","subtype":"status"})"));
  EXPECT_FALSE(of_turn(R"({"type":"result","subtype":"success"})"));
  EXPECT_FALSE(of_turn("[1]"));
}

// The end of a run.

std::optional<Outcome> Terminal(std::string_view raw) { return ClaudeCodeDialect().Terminal(raw); }

TEST(ClaudeCodeDialect, TakesSubtypeSuccessWithoutErrorForSuccess) {
  const auto outcome =
      Terminal(R"({"duration_ms":1,"is_error":false,"subtype":"success","result":"42",)"
               R"("type":"result"})");
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->success);
  EXPECT_EQ(outcome->result, "42");
}

TEST(ClaudeCodeDialect, TakesEverythingElseForFailure) {
  for (const char* members :
       {R"("subtype":"success","is_error":true)", R"("subtype":"success","is_error":"false")",
        R"("subtype":"success","is_error":1)", R"("subtype":"error_max_turns","is_error":false)",
        R"("subtype":"error_during_execution","is_error":false)", R"("subtype":null)",
        R"("subtype":7,"is_error":false)", R"("is_error":false)",
        R"("subtype":"SUCCESS","is_error":false)"}) {
    const std::string raw = R"({"type":"result",)" + std::string(members) + "}";
    const auto outcome = Terminal(raw);
    ASSERT_TRUE(outcome) << raw;
    EXPECT_FALSE(outcome->success) << raw;
    EXPECT_FALSE(outcome->result.empty()) << raw;
    EXPECT_FALSE(Only<ResultEvent>(raw).success) << raw;
  }
}

TEST(ClaudeCodeDialect, SaysWhatWentWrong) {
  const auto failure = [](std::string_view members) {
    return Only<ResultEvent>(R"({"type":"result",)" + std::string(members) + "}").result;
  };
  EXPECT_EQ(failure(R"("subtype":"error_max_turns","is_error":false,"errors":[])"),
            "Reached the maximum number of turns");
  EXPECT_EQ(failure(R"x("subtype":"error_max_turns","errors":["Reached maximum (2)"])x"),
            "Reached maximum (2)");
  EXPECT_EQ(failure(R"("subtype":"error_during_execution","errors":["one","two"])"), "one\ntwo");
  EXPECT_EQ(failure(R"("subtype":"error_during_execution","errors":[{"message":"m"},{"a":1}])"),
            "m\n{\"a\":1}");
  EXPECT_EQ(failure(R"("subtype":"error_during_execution")"),
            "The agent ended with error_during_execution");
  EXPECT_EQ(failure(R"("is_error":true)"), "The agent's result has no subtype");
}

// The reference's script posted this one for any exit code.
TEST(ClaudeCodeDialect, DoesNotTakeAResultOfAWrapperScriptForTheEnd) {
  for (const char* raw : {R"({"type":"result","data":{"status":"success","exitCode":0}})",
                          R"({"type":"result","data":{"subtype":"success","is_error":false}})",
                          R"({"type":"result"})"}) {
    EXPECT_FALSE(Terminal(raw)) << raw;
    Only<Notice>(raw);
  }
  EXPECT_EQ(Only<Notice>(R"({"type":"result","data":{"status":"failed","exitCode":3}})").text,
            R"(Result of unknown form: {"status":"failed","exitCode":3})");
}

TEST(ClaudeCodeDialect, FindsNoEndInOtherEvents) {
  for (const std::string& raw :
       {Assistant(R"({"type":"text","text":"\"type\":\"result\""})"),
        User(R"({"type":"tool_result","content":"{\"type\":\"result\",\"subtype\":\"success\"}"})"),
        std::string(R"({"type":"user","result":{"type":"result","subtype":"success"}})"),
        std::string(R"({"type":"result","subtype":"success","type":"user"})")})
    EXPECT_FALSE(Terminal(raw)) << raw;
}

TEST(ClaudeCodeDialect, SurvivesNumbersThatAreNone) {
  for (const char* none : {"\"1\"", "1e400", "-1e400", "null", "[]", "true"}) {
    const std::string n = none;
    const auto result = Only<ResultEvent>(R"({"type":"result","subtype":"success","duration_ms":)" +
                                          n + R"(,"num_turns":)" + n + R"(,"total_cost_usd":)" + n +
                                          R"(,"usage":)" + n + "}");
    EXPECT_TRUE(result.success);
    EXPECT_FALSE(result.duration_ms || result.num_turns || result.cost_usd || result.usage) << n;
  }
}

TEST(ClaudeCodeDialect, TakesLoneSurrogatesAndLineSeparators) {
  EXPECT_EQ(Only<Text>(Assistant(R"({"type":"text","text":"a\ud83d b"})")).text, "a\uFFFD b");
  EXPECT_EQ(Only<Text>(Assistant("{\"type\":\"text\",\"text\":\"a\u2028b\"}")).text, "a\u2028b");
}

TEST(ClaudeCodeDialect, ParsesABlockOfSeveralMegabytes) {
  const std::string big(8 << 20, 'x');
  EXPECT_EQ(Only<ToolResult>(User(R"({"type":"tool_result","content":")" + big + "\"}"))
                .result.as_string()
                .size(),
            big.size());
}

TEST(Dialects, AreFoundByName) {
  for (const std::string_view name : DialectNames()) {
    ASSERT_NE(FindDialect(name), nullptr) << name;
    EXPECT_EQ(FindDialect(name)->name(), name);
  }
  EXPECT_EQ(FindDialect("claude-code"), &ClaudeCodeDialect());
  EXPECT_TRUE(FindDialect("claude-code")->has_terminal_event());
  EXPECT_EQ(FindDialect(""), nullptr);
  EXPECT_EQ(FindDialect("Claude-Code"), nullptr);
}

}  // namespace
}  // namespace vm0::agent
