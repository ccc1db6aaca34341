// SPDX-License-Identifier: Apache-2.0
#include "runner/dead_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "event/classify.h"
#include "event/record.h"

namespace vm0::runner {
namespace {

constexpr std::size_t kPiece = 1 << 20;
constexpr std::size_t kMaxRecord = event::kMaxEventBytes + 64;
constexpr std::int64_t kMarkEvery = 256;  // records

// Up to `size` bytes more at the end of `buffer`; how many there were.
Result<std::size_t> ReadMore(int fd, std::int64_t offset, std::size_t size, std::string& buffer) {
  const std::size_t had = buffer.size();
  buffer.resize(had + size);
  ssize_t count = 0;
  do {
    count = ::pread(fd, buffer.data() + had, size, offset);
  } while (count < 0 && errno == EINTR);
  buffer.resize(had + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0) return Fail(SystemError("read", "spool"));
  return static_cast<std::size_t>(count);
}

}  // namespace

Result<DeadSpool> DeadSpool::Open(const std::filesystem::path& path) {
  DeadSpool spool;
  spool.hash_ = event::ChainHash().Hex();
  spool.fd_ = os::Fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!spool.fd_.is_open()) {
    if (errno == ENOENT) return spool;
    return Fail(SystemError("open", path.string()));
  }
  std::string header;
  VM0_ASSIGN(const std::size_t size,
             ReadMore(spool.fd_.get(), 0, event::kSpoolHeader.size(), header));
  // A header that power loss cut, or never let on the disk: nothing follows it.
  if (size < event::kSpoolHeader.size() || header.starts_with('\0')) return spool;
  if (header != event::kSpoolHeader) {
    return Fail(Code::kBadRequest, path.string() + ": a spool of another version");
  }
  VM0_TRY(spool.Scan());
  return spool;
}

Status DeadSpool::Scan() {
  end_ = static_cast<std::int64_t>(event::kSpoolHeader.size());
  event::ChainHash hash;
  std::string buffer;  // from end_ on
  for (;;) {
    const auto offset = end_ + static_cast<std::int64_t>(buffer.size());
    VM0_ASSIGN(const std::size_t more, ReadMore(fd_.get(), offset, kPiece, buffer));
    std::size_t used = 0;
    bool whole = true;
    for (;;) {
      const auto record = event::ParseRecord(std::string_view(buffer).substr(used));
      whole = record.has_value();
      if (!record || !*record) break;
      whole = (*record)->sequence == last_ + 1 && event::IsEvent((*record)->json);
      if (!whole) break;
      if (last_ % kMarkEvery == 0) {
        marks_.push_back({last_ + 1, end_ + static_cast<std::int64_t>(used)});
      }
      hash.Add((*record)->line);
      used += (*record)->line.size();
      ++last_;
    }
    buffer.erase(0, used);
    end_ += static_cast<std::int64_t>(used);
    if (more == 0 || !whole || buffer.size() > kMaxRecord) break;
  }
  hash_ = hash.Hex();
  return {};
}

Result<std::string> DeadSpool::ReadBatch(std::int64_t first) const {
  assert(first >= 1 && first <= last_);
  const Mark& mark = marks_[static_cast<std::size_t>((first - 1) / kMarkEvery)];
  std::string buffer;
  std::size_t begin = 0;  // of the record `first`
  std::size_t used = 0;   // where the whole records end
  std::size_t records = 0;
  for (;;) {
    const auto offset = mark.offset + static_cast<std::int64_t>(buffer.size());
    const auto left = static_cast<std::size_t>(std::max<std::int64_t>(end_ - offset, 0));
    VM0_ASSIGN(const std::size_t more, ReadMore(fd_.get(), offset, std::min(kPiece, left), buffer));
    for (;;) {
      const auto record = event::ParseRecord(std::string_view(buffer).substr(used));
      if (!record) return Fail(Code::kIo, "the spool has changed while it was read");
      if (!*record) break;
      const std::size_t next = used + (*record)->line.size();
      if ((*record)->sequence < first) {
        begin = used = next;
        continue;
      }
      const bool full = records == event::kMaxBatchRecords || next - begin > event::kMaxBatchBytes;
      if (records > 0 && full) return buffer.substr(begin, used - begin);
      used = next;
      ++records;
    }
    if (more == 0) break;
  }
  if (records == 0) return Fail(Code::kIo, "the spool has changed while it was read");
  return buffer.substr(begin, used - begin);
}

}  // namespace vm0::runner
