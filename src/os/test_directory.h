// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "os/file.h"
#include "os/file_tree.h"

// For the tests of folders that work with files.
namespace vm0::os {

// A directory of a test, removed with it.
class TestDirectory {
 public:
  TestDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "vm0-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TestDirectory() { (void)RemoveTree(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void WriteText(const std::filesystem::path& path, std::string_view text) {
  const auto written = WriteFileAtomic(path, text);
  ASSERT_TRUE(written) << written.error().message;
}

inline std::string ReadText(const std::filesystem::path& path) {
  return ReadFile(path).value_or("(no " + path.string() + ")");
}

}  // namespace vm0::os
