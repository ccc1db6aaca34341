// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/file.h"

namespace vm0::cli {
namespace {

using Variables = std::map<std::string, std::string>;

namespace fs = std::filesystem;
using testing::HasSubstr;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    std::string name = testing::TempDir() + "config_test_XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~ConfigTest() override { fs::remove_all(directory_); }

  fs::path path() const { return directory_ / ".vm0" / "config.json"; }
  void Write(std::string_view text) {
    ASSERT_TRUE(os::MakeDirs(path().parent_path()));
    ASSERT_TRUE(os::WriteFileAtomic(path(), text));
  }

  fs::path directory_;
};

TEST_F(ConfigTest, AMissingFileIsAnEmptyConfig) {
  const auto config = LoadConfig(path());
  ASSERT_TRUE(config.has_value());
  EXPECT_FALSE(config->token.has_value());
  EXPECT_FALSE(config->api_url.has_value());
}

TEST_F(ConfigTest, ABrokenFileIsAnErrorThatNamesIt) {
  for (const char* text : {"", "{", "[]", R"({"token":1})", R"({"apiUrl":{}})", "null"}) {
    Write(text);
    const auto config = LoadConfig(path());
    ASSERT_FALSE(config.has_value()) << text;
    EXPECT_EQ(config.error().code, Code::kBadRequest);
    EXPECT_THAT(config.error().message, HasSubstr(path().string()));
  }
}

TEST(DataDir, IsTheFirstOfOptionVariableXdgAndHome) {
  const Environment all(
      Variables{{"VM0_DATA_DIR", "/d"}, {"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}});
  EXPECT_EQ(*DataDir("/option/", all), "/option");
  EXPECT_EQ(*DataDir(std::nullopt, all), "/d");
  EXPECT_EQ(*DefaultDataDir(Environment(Variables{{"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}})),
            "/x/vm0");
  EXPECT_EQ(*DefaultDataDir(Environment(Variables{{"HOME", "/h"}})), "/h/.local/state/vm0");
  EXPECT_EQ(*DefaultDataDir(Environment(Variables{{"XDG_STATE_HOME", "rel"}, {"HOME", "/h"}})),
            "/h/.local/state/vm0");
  EXPECT_FALSE(DefaultDataDir(Environment()));
  EXPECT_FALSE(DataDir("", all));
}

TEST(DataDir, IsAbsolute) {
  EXPECT_EQ(*DataDir("a/../b", Environment()), fs::current_path() / "b");
}

TEST(FindServer, WithoutConfigurationIsTheLocalOne) {
  const auto server = FindServer(Environment(Variables{{"HOME", "/h"}}), {});
  ASSERT_TRUE(server.has_value());
  EXPECT_TRUE(server->on_demand);
  EXPECT_TRUE(server->same_machine());
  EXPECT_EQ(server->url, "unix:/h/.local/state/vm0/server.sock");
}

TEST(FindServer, TheEnvironmentWinsOverTheConfig) {
  const Config config{.token = "file-token", .api_url = "https://file"};
  const auto server = FindServer(
      Environment(Variables{{"VM0_API_URL", "http://env:1"}, {"VM0_TOKEN", "env-token"}}), config);
  ASSERT_TRUE(server.has_value());
  EXPECT_FALSE(server->on_demand);
  EXPECT_FALSE(server->same_machine());
  EXPECT_EQ(server->url, "http://env:1");
  EXPECT_EQ(server->token, "env-token");
}

TEST(FindServer, TheConfigsTokenGoesToItsServerOnly) {
  const Config config{.token = "secret", .api_url = "https://mine"};
  EXPECT_EQ(FindServer(Environment(), config)->token, "secret");
  EXPECT_EQ(FindServer(Environment(Variables{{"VM0_API_URL", "https://mine/"}}), config)->token,
            "secret");
  EXPECT_EQ(FindServer(Environment(Variables{{"VM0_API_URL", "https://other"}}), config)->token,
            "");
}

TEST(FindServer, ATokenWithoutAnAddressIsForTheLocalServer) {
  const auto server = FindServer(Environment(Variables{{"HOME", "/h"}, {"VM0_TOKEN", "t"}}), {});
  ASSERT_TRUE(server.has_value());
  EXPECT_TRUE(server->on_demand);
  EXPECT_EQ(server->token, "t");
}

}  // namespace
}  // namespace vm0::cli
