// SPDX-License-Identifier: Apache-2.0
#include "agent/parsed_event.h"

#include <gtest/gtest.h>

namespace vm0::agent {
namespace {

template <class Data>
std::string JsonOf(Data data, std::optional<std::string> parent = std::nullopt) {
  return vm0::ToJson(ToJson(ParsedEvent{std::move(parent), std::move(data)}));
}

TEST(ParsedEvent, HasTypeAndDataForEachKind) {
  EXPECT_EQ(JsonOf(Init{"Claude Code", "s1", "opus", {"Bash", "Read"}, "/workspace"}),
            R"({"type":"init","data":{"agent":"Claude Code","sessionId":"s1","model":"opus",)"
            R"("tools":["Bash","Read"],"cwd":"/workspace"}})");
  EXPECT_EQ(JsonOf(Text{"a\n\"b\""}), R"({"type":"text","data":{"text":"a\n\"b\""}})");
  EXPECT_EQ(JsonOf(Thinking{"hm"}), R"({"type":"thinking","data":{"text":"hm"}})");
  EXPECT_EQ(JsonOf(ToolUse{"Bash", "t1", {{"command", "ls"}}}),
            R"({"type":"tool_use","data":{"tool":"Bash","toolUseId":"t1",)"
            R"("input":{"command":"ls"}}})");
  EXPECT_EQ(JsonOf(ToolResult{"t1", "out", true}),
            R"({"type":"tool_result","data":{"toolUseId":"t1","result":"out","isError":true}})");
  EXPECT_EQ(JsonOf(TextDelta{"x", true}),
            R"({"type":"text_delta","data":{"text":"x","begins":true}})");
  EXPECT_EQ(JsonOf(Notice{"n"}), R"({"type":"notice","data":{"text":"n"}})");
  EXPECT_EQ(JsonOf(Plain{"ping", R"({"type":"ping"})"}),
            R"({"type":"plain","data":{"type":"ping","json":"{\"type\":\"ping\"}"}})");
}

TEST(ParsedEvent, LeavesOutWhatIsAbsent) {
  EXPECT_EQ(JsonOf(Init{}),
            R"({"type":"init","data":{"agent":"","sessionId":"","model":"","tools":[]}})");
  EXPECT_EQ(JsonOf(ToolResult{"t1", nullptr, false}),
            R"({"type":"tool_result","data":{"toolUseId":"t1","isError":false}})");
  EXPECT_EQ(JsonOf(ResultEvent{}), R"({"type":"result","data":{"success":false,"result":""}})");
}

TEST(ParsedEvent, KeepsZerosAndEmptyUsageOfAResult) {
  ResultEvent result{true, "ok", 0.0, 0, 0.0, json::object()};
  EXPECT_EQ(JsonOf(result),
            R"({"type":"result","data":{"success":true,"result":"ok","durationMs":0,)"
            R"("numTurns":0,"cost":0,"usage":{}}})");
}

TEST(ParsedEvent, WritesNumbersAsTheAgentDid) {
  ResultEvent result{true, "", 45200.0, 3, 0.02614095, std::nullopt};
  EXPECT_EQ(JsonOf(result),
            R"({"type":"result","data":{"success":true,"result":"","durationMs":45200,)"
            R"("numTurns":3,"cost":0.02614095}})");
}

TEST(ParsedEvent, NamesTheToolCallOfASubAgent) {
  EXPECT_EQ(JsonOf(Text{"x"}, "toolu_1"),
            R"({"type":"text","parentToolUseId":"toolu_1","data":{"text":"x"}})");
}

}  // namespace
}  // namespace vm0::agent
