// SPDX-License-Identifier: Apache-2.0
// Real recordings of Claude Code against what they must mean. For
// testdata/<agent>/<scenario>.jsonl, <scenario>.parsed.json holds one array of parsed events per
// recorded line. VM0_UPDATE_GOLDEN=1 writes them anew; read the difference before it is committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/claude_code_dialect.h"

namespace vm0::agent {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> ReadLines(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<fs::path> Recordings() {
  std::vector<fs::path> paths;
  std::error_code missing;  // no recording at all fails the suite
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(VM0_SOURCE_DIR) / "src/agent/testdata", missing))
    if (entry.path().extension() == ".jsonl") paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

std::string NameOf(const testing::TestParamInfo<fs::path>& info) {
  std::string name =
      info.param.parent_path().filename().string() + "_" + info.param.stem().string();
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

std::string ParsedText(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += text.empty() ? "[\n[" : ",\n[";
    bool first = true;
    for (const ParsedEvent& event : ClaudeCodeDialect().Parse(line)) {
      text += first ? "" : ",\n ";
      text += vm0::ToJson(ToJson(event));
      first = false;
    }
    text += "]";
  }
  return text + "\n]\n";
}

class ClaudeCodeRecording : public testing::TestWithParam<fs::path> {};

TEST_P(ClaudeCodeRecording, ParsesToItsGoldenFile) {
  const std::string parsed = ParsedText(ReadLines(GetParam()));
  ASSERT_TRUE(ParseJson(parsed));
  fs::path golden = GetParam();
  golden.replace_extension(".parsed.json");
  if (std::getenv("VM0_UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << parsed;
  EXPECT_EQ(parsed, ReadFile(golden));
}

TEST_P(ClaudeCodeRecording, EndsWithItsTerminalEvent) {
  const auto lines = ReadLines(GetParam());
  ASSERT_FALSE(lines.empty());
  const auto outcome = ClaudeCodeDialect().Terminal(lines.back());
  ASSERT_TRUE(outcome);
  const std::string scenario = GetParam().stem();
  EXPECT_EQ(outcome->success, scenario != "err400" && scenario != "max_turns");
  EXPECT_FALSE(ClaudeCodeDialect().Terminal(lines.front()));
}

INSTANTIATE_TEST_SUITE_P(Recordings, ClaudeCodeRecording, testing::ValuesIn(Recordings()), NameOf);

}  // namespace
}  // namespace vm0::agent
