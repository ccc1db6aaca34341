// SPDX-License-Identifier: Apache-2.0
#include "store/secret_box.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "store/test_store.h"

namespace vm0::store {
namespace {

TEST(SecretBox, GivesBackWhatItSealedAfterARestart) {
  TempDir dir;
  const Secrets secrets = {
      {"KEY", "hunter2"}, {"EMPTY", ""}, {"BYTES", std::string("\0\n\xff", 3)}};
  std::string sealed;
  {
    const auto box = SecretBox::Open(dir / "secret.key");
    ASSERT_TRUE(box) << box.error().message;
    sealed = box->Seal(secrets);
  }
  EXPECT_EQ(sealed.find("hunter2"), std::string::npos);
  EXPECT_EQ(sealed.find("KEY"), std::string::npos);
  const auto box = SecretBox::Open(dir / "secret.key");
  EXPECT_EQ(box->Unseal(sealed).value(), secrets);
  EXPECT_NE(box->Seal(secrets), sealed);  // a nonce of its own each time
}

TEST(SecretBox, SealsNothingAsNothing) {
  TempDir dir;
  const auto box = SecretBox::Open(dir / "secret.key");
  EXPECT_EQ(box->Seal({}), "");
  EXPECT_TRUE(box->Unseal("").value().empty());
}

TEST(SecretBox, RefusesWhatWasChangedCutOrSealedByAnotherKey) {
  TempDir dir;
  const auto box = SecretBox::Open(dir / "secret.key");
  const auto other = SecretBox::Open(dir / "other.key");
  const std::string sealed = box->Seal({{"A", "b"}});
  EXPECT_EQ(other->Unseal(sealed).error().code, Code::kIo);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(box->Unseal(changed)) << i;
    if (i == 0) continue;
    EXPECT_FALSE(box->Unseal(sealed.substr(0, i))) << i;
  }
}

TEST(SecretBox, KeepsItsKeyToItself) {
  TempDir dir;
  const auto path = dir / "secret.key";
  ASSERT_TRUE(SecretBox::Open(path));
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  EXPECT_EQ(found.st_size, 32);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const auto open = SecretBox::Open(path);
  ASSERT_FALSE(open);
  EXPECT_NE(open.error().message.find("chmod 600"), std::string::npos);
}

TEST(SecretBox, RefusesAKeyOfAnotherLength) {
  TempDir dir;
  const auto path = dir / "secret.key";
  std::ofstream(path) << "short";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  const auto open = SecretBox::Open(path);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::kIo);
  EXPECT_NE(open.error().message.find("32 bytes"), std::string::npos);
}

TEST(Token, IsLongRandomAndStoredOnlyAsItsHash) {
  const std::string token = NewToken("vm0_run_");
  EXPECT_TRUE(token.starts_with("vm0_run_"));
  EXPECT_EQ(token.size(), 8u + 43u);
  EXPECT_NE(token, NewToken("vm0_run_"));
  EXPECT_EQ(HashToken(token).size(), 64u);
  EXPECT_EQ(HashToken(token), HashToken(token));
  // BLAKE2b-256 of nothing: the hash must stay the same in all versions.
  EXPECT_EQ(HashToken(""), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

}  // namespace
}  // namespace vm0::store
