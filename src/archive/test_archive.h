// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "archive/entry.h"
#include "archive/gzip_writer.h"

// For tests and fuzzing: archives as others may write them.
namespace vm0::archive {

inline Entry FileEntry(std::string path, std::int64_t size = 0) {
  return {.kind = Entry::Kind::kFile, .path = std::move(path), .permissions = 0644, .size = size};
}
inline Entry FolderEntry(std::string path) {
  return {.kind = Entry::Kind::kFolder, .path = std::move(path), .permissions = 0755};
}
inline Entry LinkEntry(std::string path, std::string target) {
  return {.kind = Entry::Kind::kLink, .path = std::move(path), .target = std::move(target)};
}

// Headers and content of a file.
inline std::string FormatFile(std::string path, std::string_view content) {
  const auto size = static_cast<std::int64_t>(content.size());
  return FormatEntry(FileEntry(std::move(path), size)) + std::string(content) +
         std::string(PaddingOf(size), '\0');
}

// The block with another byte in it, its checksum right again.
inline std::string WithByte(std::string block, std::size_t at, char byte) {
  block[at] = byte;
  block.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(block[i]);
  char text[8];
  std::snprintf(text, sizeof text, "%06o", sum);
  return block.replace(148, 8, std::string(text, 7) + ' ');
}

inline const std::string& EndOfArchive() {
  static const std::string end(2 * kBlock, '\0');
  return end;
}

inline Status Compress(const std::filesystem::path& file, std::string_view bytes) {
  GzipWriter writer(os::Fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)));
  VM0_TRY(writer.Write(bytes));
  return writer.Finish();
}

}  // namespace vm0::archive
