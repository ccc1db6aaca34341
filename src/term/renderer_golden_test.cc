// SPDX-License-Identifier: Apache-2.0
// Recordings of real agents (src/agent/testdata) as a terminal shows them, byte for byte:
// testdata/<agent>/<scenario>.txt without colour, .ansi with it, and .full.txt as --full -v
// --partial shows it, one event every 250 ms. VM0_UPDATE_GOLDEN=1 writes them anew; read the
// difference before it is committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/dialect.h"
#include "term/renderer.h"

namespace vm0::term {
namespace {

namespace fs = std::filesystem;

fs::path SourceDir() { return fs::path(VM0_SOURCE_DIR) / "src"; }

std::vector<fs::path> Recordings() {
  std::vector<fs::path> paths;
  std::error_code missing;  // no recording at all fails the suite
  for (const auto& entry :
       fs::recursive_directory_iterator(SourceDir() / "agent/testdata", missing))
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

std::string RenderAll(const fs::path& recording, Renderer::Options options) {
  const agent::Dialect& dialect = *agent::FindDialect("claude-code");
  Renderer renderer(options);
  std::ifstream in(recording, std::ios::binary);
  std::string out;
  WallTime time;
  for (std::string line; std::getline(in, line); time += Millis(250))
    for (const agent::ParsedEvent& event : dialect.Parse(line)) out += renderer.Render(event, time);
  return out + renderer.CloseLine();
}

void ExpectGolden(const fs::path& recording, std::string_view extension, const std::string& text) {
  fs::path golden = SourceDir() / "term/testdata" / recording.parent_path().filename() /
                    (recording.stem().string() + std::string(extension));
  if (std::getenv("VM0_UPDATE_GOLDEN") != nullptr) {
    fs::create_directories(golden.parent_path());
    std::ofstream(golden, std::ios::binary) << text;
  }
  std::ifstream in(golden, std::ios::binary);
  std::stringstream expected;
  expected << in.rdbuf();
  EXPECT_EQ(text, expected.str()) << golden;
}

class Recording : public testing::TestWithParam<fs::path> {};

TEST_P(Recording, LooksAsItsGoldenFiles) {
  ExpectGolden(GetParam(), ".txt", RenderAll(GetParam(), {}));
  ExpectGolden(GetParam(), ".ansi", RenderAll(GetParam(), {.colour = Colour::kOn}));
  ExpectGolden(GetParam(), ".full.txt",
               RenderAll(GetParam(), {.full = true, .verbose = true, .partial = true}));
}

TEST_P(Recording, LooksTheSameWithPartialTextOrWithout) {
  // Only texts that came in one burst change places with what stood between them.
  const auto sorted_lines = [](const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    std::ranges::sort(lines);
    return lines;
  };
  EXPECT_EQ(sorted_lines(RenderAll(GetParam(), {.partial = true})),
            sorted_lines(RenderAll(GetParam(), {})));
}

INSTANTIATE_TEST_SUITE_P(Recordings, Recording, testing::ValuesIn(Recordings()), NameOf);

}  // namespace
}  // namespace vm0::term
