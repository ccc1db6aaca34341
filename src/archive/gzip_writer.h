// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::archive {

// Compresses into a file as gzip, the same bytes for the same input. One thread; kIo.
class GzipWriter {
 public:
  explicit GzipWriter(os::Fd file);
  ~GzipWriter();
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;

  Status Write(std::string_view bytes);
  // The end, and fsync. Once, last.
  Status Finish();

 private:
  struct Stream;
  Status Deflate(std::string_view bytes, int flush);

  os::Fd file_;
  std::unique_ptr<Stream> stream_;
  std::string out_;
};

}  // namespace vm0::archive
