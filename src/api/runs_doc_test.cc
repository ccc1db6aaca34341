// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/run_error.h"
#include "os/file.h"

namespace vm0 {
namespace {

constexpr std::string_view kHead =
    "| `errorCode` | status | `error` | what to do |\n|---|---|---|---|\n";

std::string Rows() {
  std::string rows;
  const auto add = [&rows](RunError error) {
    const RunErrorInfo& info = InfoOf(error);
    rows += "| `" + std::string(info.name) + "` | " + std::string(info.status) + " | " +
            WhatOf(error, "…") + " | " + std::string(info.remedy) + " |\n";
  };
#define X(enumerator, name, status, what, remedy) add(RunError::enumerator);
  VM0_RUN_ERROR_TABLE(X)
#undef X
  return rows;
}

TEST(RunsPage, HasTheTableOfTheCode) {
  const std::string path = std::string(VM0_SOURCE_DIR) + "/docs/runs.md";
  const auto page = os::ReadFile(path);
  ASSERT_TRUE(page) << page.error().message;
  const auto start = page->find(kHead);
  ASSERT_NE(start, std::string::npos);
  const auto rows = start + kHead.size();
  const auto end = page->find("\n\n", rows - 1) + 1;
  if (std::getenv("VM0_UPDATE_GOLDEN") != nullptr) {
    const std::string written = page->substr(0, rows) + Rows() + page->substr(end);
    ASSERT_TRUE(os::WriteFileAtomic(path, written, 0644));
  } else {
    EXPECT_EQ(page->substr(rows, end - rows), Rows());
  }
}

}  // namespace
}  // namespace vm0
