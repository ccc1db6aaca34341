// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "base/result.h"

namespace vm0 {
namespace {

constexpr Code kAllCodes[] = {
#define X(enumerator, name, status, exit) Code::enumerator,
    VM0_ERROR_TABLE(X)
#undef X
};

TEST(Error, EveryCodeIsFoundAgainByItsName) {
  std::set<std::string_view> names;
  for (const Code code : kAllCodes) {
    const CodeInfo& info = InfoOf(code);
    EXPECT_EQ(info.code, code) << info.name;
    EXPECT_EQ(FindCode(info.name), code) << info.name;
    EXPECT_TRUE(names.insert(info.name).second) << "two codes are named " << info.name;
  }
}

TEST(Error, EveryCodeHasAnErrorStatusAndFailsTheCommand) {
  for (const Code code : kAllCodes) {
    const CodeInfo& info = InfoOf(code);
    EXPECT_GE(info.http_status, 400) << info.name;
    EXPECT_LE(info.http_status, 599) << info.name;
    EXPECT_NE(info.exit_code, ExitCode::kOk) << info.name;
  }
}

TEST(Error, TableGivesStatusAndExitCode) {
  EXPECT_EQ(InfoOf(Code::kNotFound).http_status, 404);
  EXPECT_EQ(InfoOf(Code::kNotFound).exit_code, ExitCode::kNotFound);
  EXPECT_EQ(InfoOf(Code::kDeadline).name, "DEADLINE_EXCEEDED");
  EXPECT_EQ(static_cast<int>(ExitCode::kTimeout), 124);
  EXPECT_EQ(static_cast<int>(ExitCode::kCancelled), 130);
}

TEST(Error, NameOfAnotherVersionIsNotFound) {
  EXPECT_EQ(FindCode("SOMETHING_NEW"), std::nullopt);
  EXPECT_EQ(FindCode(""), std::nullopt);
  EXPECT_EQ(FindCode("not_found"), std::nullopt);
}

TEST(Error, SystemErrorNamesOperationPathAndReason) {
  errno = ENOENT;
  const Error error = SystemError("open", "/x/y");
  EXPECT_EQ(error.code, Code::kIo);
  EXPECT_EQ(error.message, "open /x/y: No such file or directory");
  EXPECT_EQ(error.number, std::nullopt);
}

TEST(Error, SystemErrorOfTakesAKeptNumberAndNeedsNoPath) {
  errno = ENOENT;
  EXPECT_EQ(SystemErrorOf(EACCES, "fork").message, "fork: Permission denied");
}

Result<int> Half(int number) {
  if (number % 2 != 0) return Fail(Error{Code::kConflict, "odd", number});
  return number / 2;
}

Result<int> Quarter(int number) {
  VM0_ASSIGN(const int half, Half(number));
  VM0_ASSIGN(const int quarter, Half(half));
  return quarter;
}

Status CheckEven(int number) {
  VM0_TRY(Half(number));
  return {};
}

TEST(Result, MacrosPassTheValueOrTheWholeErrorOn) {
  EXPECT_EQ(Quarter(12), 3);
  ASSERT_FALSE(Quarter(6).has_value());
  EXPECT_EQ(Quarter(6).error(), (Error{Code::kConflict, "odd", 3}));
  EXPECT_TRUE(CheckEven(2).has_value());
  EXPECT_EQ(CheckEven(7).error().number, 7);
}

}  // namespace
}  // namespace vm0
