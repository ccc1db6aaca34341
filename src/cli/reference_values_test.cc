// SPDX-License-Identifier: Apache-2.0
#include "cli/reference_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/file.h"

namespace vm0::cli {
namespace {

using testing::ElementsAre;
using Variables = std::map<std::string, std::string>;

class ReferenceValuesTest : public testing::Test {
 protected:
  ReferenceValuesTest() {
    file = std::filesystem::temp_directory_path() / ("vm0-env-" + std::to_string(::getpid()));
    EXPECT_TRUE(os::WriteFileAtomic(file, "A=file-a\nB=file-b\nC=file-c\nEMPTY=\n"));
    options.env_file = file;
  }
  ~ReferenceValuesTest() override { std::filesystem::remove(file); }

  std::filesystem::path file;
  RunOptions options;
  Environment environment{{{"A", "ours-a"}, {"B", "ours-b"}, {"EMPTY", ""}}};
};

TEST_F(ReferenceValuesTest, TheCommandLineWinsThenTheEnvironmentThenTheFile) {
  options.vars = {{"A", "flag-a"}};
  options.secrets = {{"B", "flag-b"}};
  const auto known = FindValues({.vars = {"A", "B", "C", "X"}, .secrets = {"A", "B", "C", "EMPTY"}},
                                options, environment);
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_EQ(known->references.vars, (Variables{{"A", "flag-a"}, {"B", "ours-b"}, {"C", "file-c"}}));
  EXPECT_EQ(known->references.secrets, (Variables{{"A", "ours-a"}, {"C", "file-c"}}));
}

TEST_F(ReferenceValuesTest, ASecretThatIsOnlyNamedIsLookedForTheSameWay) {
  options.named_secrets = {"B", "C", "KEPT"};
  const auto known = FindValues({.vars = {}, .secrets = {"B"}}, options, environment);
  EXPECT_EQ(known->secrets, (Variables{{"B", "ours-b"}, {"C", "file-c"}}));
  EXPECT_THAT(known->stored, ElementsAre("KEPT"));
  EXPECT_TRUE(known->references.secrets.empty());
  EXPECT_THAT(known->notices,
              ElementsAre("Taken from your environment: B", "Taken from " + file.string() + ": C"));
}

TEST_F(ReferenceValuesTest, ReadsNoFileWhereNothingIsMissing) {
  options.env_file = "/does/not/exist";
  EXPECT_TRUE(FindValues({.vars = {"A"}, .secrets = {"B"}}, options, environment));
  const auto known = FindValues({.vars = {"C"}, .secrets = {}}, options, environment);
  ASSERT_FALSE(known);
  EXPECT_EQ(known.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace vm0::cli
