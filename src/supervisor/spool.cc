// SPDX-License-Identifier: Apache-2.0
#include "supervisor/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>

#include "base/text.h"
#include "os/disk.h"
#include "os/fault.h"

namespace vm0::supervisor {
namespace {

constexpr std::size_t kScanStep = 1 << 20;

// Up to `size` bytes; fewer only at the end of the file.
Result<std::string> ReadAt(int fd, std::int64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t count = ::pread(fd, bytes.data() + filled, size - filled,
                                  offset + static_cast<std::int64_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(SystemError("read the spool"));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

// Calls `take` for each whole record line from `offset` on, until it gives false or the lines end.
Status ForEachLine(int fd, std::int64_t offset,
                   const std::function<bool(std::string_view line, std::int64_t offset)>& take) {
  std::string pending;
  for (;;) {
    VM0_ASSIGN(const std::string bytes,
               ReadAt(fd, offset + static_cast<std::int64_t>(pending.size()), kScanStep));
    if (bytes.empty()) return {};
    pending += bytes;
    std::size_t start = 0;
    for (std::size_t end; (end = pending.find('\n', start)) != std::string::npos; start = end + 1) {
      const auto line = std::string_view(pending).substr(start, end + 1 - start);
      if (!take(line, offset + static_cast<std::int64_t>(start))) return {};
    }
    pending.erase(0, start);
    offset += static_cast<std::int64_t>(start);
  }
}

std::optional<std::int64_t> SequenceOf(std::string_view line) {
  const auto record = event::ParseRecord(line);
  if (!record || !*record) return std::nullopt;
  return (*record)->sequence;
}

// How many bytes of whole records the limits allow; 0 when the first record is not whole yet.
std::size_t CutBatch(std::string_view bytes, const BatchLimits& limits, std::int64_t& count) {
  std::size_t cut = 0;
  count = 0;
  while (count < static_cast<std::int64_t>(limits.records)) {
    const std::size_t end = bytes.find('\n', cut);
    if (end == std::string_view::npos || (count > 0 && end + 1 > limits.bytes)) break;
    cut = end + 1;
    ++count;
  }
  return cut;
}

}  // namespace

Result<Spool> Spool::Create(const std::filesystem::path& path) {
  VM0_ASSIGN(os::Fd fd, os::OpenForWriting(path, O_CREAT | O_NOFOLLOW));
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return Fail(SystemError("stat", path.native()));
  const auto header_size = static_cast<std::int64_t>(event::kSpoolHeader.size());
  if (found.st_size > header_size) {
    return Fail(Code::kConflict, path.native() + " has records: the agent was started before");
  }
  VM0_TRY(os::WriteAt(fd.get(), event::kSpoolHeader, 0));
  return Spool(std::move(fd), header_size);
}

Status Spool::Append(std::string_view records, std::int64_t last_sequence) {
  Status status = os::WriteAt(fd_.get(), records, end_);
  if (status && os::FaultFails("supervisor.append")) {
    status = Fail(SystemErrorOf(ENOSPC, "write"));
  }
  if (!status) {
    // What is torn would be overwritten by the next try anyway; a burier shall not see it.
    (void)os::Truncate(fd_.get(), end_);
    return Fail(Code::kIo, "the spool: " + status.error().message);
  }
  end_ += static_cast<std::int64_t>(records.size());
  last_sequence_ = last_sequence;
  return {};
}

Result<Batch> Spool::Read(std::int64_t offset, const BatchLimits& limits) const {
  Batch batch;
  std::int64_t count = 0;
  for (std::size_t want = limits.bytes;; want *= 2) {
    const auto there = static_cast<std::size_t>(end_ - offset);
    VM0_ASSIGN(batch.records, ReadAt(fd_.get(), offset, std::min(want, there)));
    const std::size_t cut = CutBatch(batch.records, limits, count);
    if (cut > 0) {
      batch.records.resize(cut);
      break;
    }
    if (want >= there) return Fail(Code::kIo, "the spool has no record where one should be");
  }
  const auto first = SequenceOf(batch.records);
  if (!first) return Fail(Code::kIo, "the spool is damaged");
  batch.first = *first;
  batch.last = *first + count - 1;
  batch.end_offset = offset + static_cast<std::int64_t>(batch.records.size());
  return batch;
}

Result<std::int64_t> Spool::OffsetOf(std::int64_t sequence) const {
  if (sequence == last_sequence_ + 1) return end_;
  if (sequence < 1 || sequence > last_sequence_) {
    return Fail(Code::kNotFound, "the spool has no record " + std::to_string(sequence));
  }
  std::int64_t found = -1;
  std::int64_t number = 0;
  VM0_TRY(ForEachLine(fd_.get(), start_offset(), [&](std::string_view, std::int64_t offset) {
    if (++number == sequence) found = offset;
    return found < 0;
  }));
  if (found < 0) return Fail(Code::kIo, "the spool is shorter than it was");
  return found;
}

}  // namespace vm0::supervisor
