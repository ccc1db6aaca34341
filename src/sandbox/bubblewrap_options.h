// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "sandbox/box_view.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// Where a thing of the host is for bwrap, who may not reach it at its own place.
struct Source {
  std::filesystem::path path;
  std::string place;  // inside
};

struct BubblewrapSources {
  std::filesystem::path home;
  std::filesystem::path workspace;
  std::filesystem::path tmp;
  std::vector<Source> installations;
};

// bwrap's options for a box: what it shows of the host, and nothing of who we are.
class BubblewrapOptions {
 public:
  static Result<BubblewrapOptions> Make(const BoxSpec& spec, const BubblewrapSources& sources,
                                        const std::vector<ProgramView::Link>& links);

  // For --args: each ends with NUL.
  const std::string& text() const { return text_; }
  // The descriptors that they name: bwrap must inherit them.
  const std::vector<os::Fd>& files() const { return files_; }

 private:
  void Add(std::initializer_list<std::string_view> words);
  void AddNamespaces(Network network);
  void AddSystem();
  Status AddEtc(Network network);
  Status AddFile(std::string_view path, std::string_view text);
  void AddFolders(const BoxSpec& spec, const BubblewrapSources& sources);

  std::string text_;
  std::vector<os::Fd> files_;
};

}  // namespace vm0::sandbox
