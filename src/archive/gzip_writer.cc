// SPDX-License-Identifier: Apache-2.0
#include "archive/gzip_writer.h"

#include <unistd.h>
#include <zlib.h>

#include <new>
#include <utility>

namespace vm0::archive {
namespace {

constexpr std::size_t kStep = 64 << 10;
constexpr std::size_t kMostAtOnce = 1 << 30;  // zlib counts in 32 bits
constexpr int kLevel = 3;                     // beyond, time grows faster than size shrinks
constexpr int kGzip = 15 + 16;                // the largest window, in gzip's frame
constexpr int kMemory = 8;

}  // namespace

struct GzipWriter::Stream : z_stream {};

GzipWriter::GzipWriter(os::Fd file)
    : file_(std::move(file)), stream_(std::make_unique<Stream>()), out_(kStep, '\0') {
  const int made =
      ::deflateInit2(stream_.get(), kLevel, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY);
  if (made != Z_OK) throw std::bad_alloc();
}

GzipWriter::~GzipWriter() { ::deflateEnd(stream_.get()); }

Status GzipWriter::Write(std::string_view bytes) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kMostAtOnce))) {
    VM0_TRY(Deflate(bytes.substr(0, kMostAtOnce), Z_NO_FLUSH));
  }
  return {};
}

Status GzipWriter::Finish() {
  VM0_TRY(Deflate("", Z_FINISH));
  if (::fsync(file_.get()) != 0) return Fail(SystemError("sync the archive"));
  return {};
}

Status GzipWriter::Deflate(std::string_view bytes, int flush) {
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_->avail_in = static_cast<uInt>(bytes.size());
  do {
    stream_->next_out = reinterpret_cast<Bytef*>(out_.data());
    stream_->avail_out = static_cast<uInt>(out_.size());
    ::deflate(stream_.get(), flush);
    VM0_TRY(os::WriteAll(file_.get(), {out_.data(), out_.size() - stream_->avail_out}));
  } while (stream_->avail_out == 0);
  return {};
}

}  // namespace vm0::archive
