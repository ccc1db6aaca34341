// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::archive {

// Reads a gzip file of one member, which nothing follows. One thread. Memory is bounded whatever
// the file says. kBadRequest for what is no gzip, cut short or damaged; kIo.
class GzipReader {
 public:
  explicit GzipReader(os::Fd file);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // As many bytes as `size`, fewer at the end alone, whose checksum was right then.
  Result<std::size_t> Read(char* bytes, std::size_t size);

 private:
  struct Stream;
  Status Fill();
  Status CheckEnd();

  os::Fd file_;
  std::unique_ptr<Stream> stream_;
  std::string in_;
  bool ended_ = false;
};

}  // namespace vm0::archive
