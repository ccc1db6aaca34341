// SPDX-License-Identifier: Apache-2.0
#include "cli/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/file.h"

namespace vm0::cli {
namespace {

using Variables = std::map<std::string, std::string>;

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Expanded(const std::string& text, std::vector<std::string>* missing = nullptr) {
  const Environment environment(Variables{{"A", "one"}, {"EMPTY", ""}, {"B_2", "${A}"}});
  json::value value(text);
  std::vector<std::string> names;
  ExpandVariables(value, environment, names);
  if (missing) *missing = names;
  return std::string(value.get_string());
}

TEST(ExpandVariables, ReplacesEachOnce) {
  EXPECT_EQ(Expanded("${A}"), "one");
  EXPECT_EQ(Expanded("x${A}${A}y"), "xoneoney");
  EXPECT_EQ(Expanded("${B_2}"), "${A}");
  EXPECT_EQ(Expanded("[${EMPTY}]"), "[]");
}

TEST(ExpandVariables, LeavesAllElse) {
  for (const char* text : {"", "$A", "${", "${}", "${A", "${ A }", "${{ secrets.A }}", "${1}",
                           "${A-b}", "$", "$$", "${A:-x}"})
    EXPECT_EQ(Expanded(text), text);
}

TEST(ExpandVariables, ListsMissingNamesOnceInOrder) {
  std::vector<std::string> missing;
  Expanded("${Z}${A}${Y}${Z}", &missing);
  EXPECT_THAT(missing, ElementsAre("Z", "Y"));
}

TEST(ExpandVariables, ReachesNestedValuesButNoKeys) {
  json::value value = {{"${A}", {"${A}", json::object{{"k", "${A}"}}, 1}}};
  std::vector<std::string> missing;
  ExpandVariables(value, Environment(Variables{{"A", "x"}}), missing);
  EXPECT_EQ(ToJson(value), R"({"${A}":["x",{"k":"x"},1]})");
  EXPECT_THAT(missing, IsEmpty());
}

class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest() {
    std::string name = testing::TempDir() + "config_file_test_XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~ConfigFileTest() override { fs::remove_all(directory_); }

  std::expected<ConfigFile, ConfigFileError> Load(std::string_view yaml) {
    EXPECT_TRUE(os::WriteFileAtomic(directory_ / "vm0.yaml", yaml));
    return LoadConfigFile(directory_ / "vm0.yaml", Environment(Variables{{"NAME", "my-agent"}}));
  }

  fs::path directory_;
};

TEST_F(ConfigFileTest, LoadsWhatItExpanded) {
  const auto file =
      Load("version: '1.0'\nagent:\n  name: ${NAME}\n  provider: command\n  command: [./a]\n");
  ASSERT_TRUE(file.has_value()) << file.error().headline;
  EXPECT_EQ(file->config.name, "my-agent");
  EXPECT_THAT(ToJson(file->json), HasSubstr(R"("name":"my-agent")"));
}

TEST_F(ConfigFileTest, ListsAllMissingVariablesWithARemedy) {
  const auto file = Load("version: '1.0'\nagent: {name: '${ONE}', binary: '${TWO}/${ONE}'}\n");
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().headline, "Missing required environment variables:");
  EXPECT_THAT(file.error().details,
              ElementsAre("  - ONE", "  - TWO", "",
                          "Please set these variables before running 'vm0 build'.",
                          "Example:", "  export ONE=your-value", "  export TWO=your-value"));
}

TEST_F(ConfigFileTest, UsesTheReferencesTexts) {
  const auto missing = LoadConfigFile(directory_ / "no.yaml", Environment());
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().headline,
            "Config file not found: " + (directory_ / "no.yaml").string());
  EXPECT_EQ(missing.error().code, Code::kNotFound);

  const auto broken = Load("a: [1\n");
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().headline, "Invalid YAML format");
  ASSERT_FALSE(broken.error().details.empty());
  EXPECT_THAT(broken.error().details[0], HasSubstr("line"));

  const auto invalid = Load("agent: {name: a-b}\n");
  ASSERT_FALSE(invalid.has_value());
  EXPECT_EQ(invalid.error().headline, "Missing config.version");
}

}  // namespace
}  // namespace vm0::cli
