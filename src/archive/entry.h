// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

// The headers of a tar archive: POSIX.1-2001 ("pax"), as far as our archives use it.
namespace vm0::archive {

constexpr std::size_t kBlock = 512;  // an archive is made of these

// One file, folder or symbolic link.
struct Entry {
  enum class Kind { kFile, kFolder, kLink };
  Kind kind = Kind::kFile;
  std::string path;         // relative, any bytes but NUL; no slash at the end
  std::string target = {};  // of a link
  mode_t permissions = 0;   // 0777 at most
  std::int64_t size = 0;    // of a file
  timespec changed = {};

  bool operator==(const Entry& other) const;
};

// The blocks that come before the file's content.
std::string FormatEntry(const Entry& entry);
// The zeros that follow so many bytes of content.
std::size_t PaddingOf(std::int64_t size);

// What extended records say of the next entry; kBadRequest where they are none.
struct Extension {
  std::string path = {};
  std::string target = {};
  std::int64_t size = -1;
  timespec changed = {.tv_sec = 0, .tv_nsec = -1};
};
Result<Extension> ParseExtension(std::string_view records);

// One block of headers. An extension's content comes next, `size` bytes of it.
struct Header {
  enum class Kind { kEntry, kExtension, kEnd };
  Kind kind = Kind::kEnd;
  Entry entry = {};  // with kEntry
  std::int64_t size = 0;
};
// `block` has kBlock bytes. kBadRequest for what our archives do not have: hard links, devices,
// pipes, formats of others.
Result<Header> ParseHeader(std::string_view block);
void Extend(Entry& entry, const Extension& extension);

}  // namespace vm0::archive
