// SPDX-License-Identifier: Apache-2.0
// Whatever an archive says, nothing is written outside of the folder that it is unpacked to, nor
// more than the limits allow; and what was unpacked packs to an archive that unpacks again.
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "archive/pack.h"
#include "archive/test_archive.h"
#include "archive/unpack.h"
#include "base/fuzz.h"
#include "os/file_tree.h"

namespace {

using namespace vm0;
using fuzz::Expect;
namespace fs = std::filesystem;

const archive::Limits kLimits{.bytes = 1 << 20, .files = 50};

class Folder {
 public:
  Folder() { Expect(::mkdtemp(path_.data()) != nullptr, "there is a temporary directory"); }
  ~Folder() { (void)os::RemoveTree(path_); }
  fs::path operator/(const char* name) const { return fs::path(path_) / name; }
  std::ptrdiff_t size() const {
    return std::distance(fs::directory_iterator(path_), fs::directory_iterator());
  }

 private:
  std::string path_ = fs::temp_directory_path() / "vm0-fuzz-XXXXXX";
};

void CheckBounds(const fs::path& folder) {
  std::int64_t files = 0;
  std::uintmax_t bytes = 0;
  std::error_code closed;
  for (auto at = fs::recursive_directory_iterator(folder, closed);
       at != fs::recursive_directory_iterator(); at.increment(closed)) {
    ++files;
    struct stat found {};
    Expect(::lstat(at->path().c_str(), &found) == 0, "it is there");
    if (S_ISREG(found.st_mode)) bytes += static_cast<std::uintmax_t>(found.st_size);
    Expect((found.st_mode & (S_ISUID | S_ISGID | S_ISVTX)) == 0, "no set-uid bits");
  }
  Expect(files <= *kLimits.files && bytes <= static_cast<std::uintmax_t>(*kLimits.bytes),
         "the limits hold");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Folder folder;
  Expect(archive::Compress(folder / "a.tar.gz", fuzz::View(data, size)).has_value(), "written");
  const auto unpacked = archive::Unpack(folder / "a.tar.gz", folder / "out", kLimits);
  Expect(folder.size() == 2, "nothing lies beside it");
  CheckBounds(folder / "out");
  // Folders that are closed to us can't be packed.
  const auto packed = archive::Pack(folder / "out", folder / "b.tar.gz", {});
  if (unpacked && ::geteuid() == 0) Expect(packed.has_value(), "what was unpacked is packed");
  if (!packed) return 0;
  const auto again = archive::Unpack(folder / "b.tar.gz", folder / "again", {});
  Expect(again.has_value(), "what was packed is unpacked");
  return 0;
}
