// SPDX-License-Identifier: Apache-2.0
#include "archive/gzip_reader.h"

#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <new>
#include <utility>

namespace vm0::archive {
namespace {

constexpr std::size_t kStep = 64 << 10;
constexpr int kGzipOnly = 15 + 16;

}  // namespace

struct GzipReader::Stream : z_stream {};

GzipReader::GzipReader(os::Fd file)
    : file_(std::move(file)), stream_(std::make_unique<Stream>()), in_(kStep, '\0') {
  if (::inflateInit2(stream_.get(), kGzipOnly) != Z_OK) throw std::bad_alloc();
}

GzipReader::~GzipReader() { ::inflateEnd(stream_.get()); }

Result<std::size_t> GzipReader::Read(char* bytes, std::size_t size) {
  stream_->next_out = reinterpret_cast<Bytef*>(bytes);
  stream_->avail_out = static_cast<uInt>(size);
  while (!ended_ && stream_->avail_out > 0) {
    if (stream_->avail_in == 0) VM0_TRY(Fill());
    if (stream_->avail_in == 0) return Fail(Code::kBadRequest, "the archive is cut short");
    const int code = ::inflate(stream_.get(), Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      ended_ = true;
      VM0_TRY(CheckEnd());
    } else if (code != Z_OK) {
      return Fail(Code::kBadRequest, "the archive is no gzip file, or damaged");
    }
  }
  return size - stream_->avail_out;
}

Status GzipReader::Fill() {
  ssize_t count = 0;
  do {
    count = ::read(file_.get(), in_.data(), in_.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) return Fail(SystemError("read the archive"));
  stream_->next_in = reinterpret_cast<Bytef*>(in_.data());
  stream_->avail_in = static_cast<uInt>(count);
  return {};
}

Status GzipReader::CheckEnd() {
  if (stream_->avail_in == 0) VM0_TRY(Fill());
  if (stream_->avail_in == 0) return {};
  return Fail(Code::kBadRequest, "something follows the archive in its file");
}

}  // namespace vm0::archive
