// SPDX-License-Identifier: Apache-2.0
// Of any bytes that a dead supervisor may have left, a burier reads the records that are whole and
// follow one another, from the first on; no more and no fewer.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/fuzz.h"
#include "event/classify.h"
#include "event/record.h"
#include "runner/dead_spool.h"

namespace {

using namespace vm0;
using fuzz::Expect;

// The spool that each input is written to.
class SpoolFile {
 public:
  SpoolFile() {
    Expect(::mkdtemp(directory_.data()) != nullptr, "there is a temporary directory");
    path_ = directory_ + "/spool";
    fd_ = os::Fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  ~SpoolFile() {
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }
  void Write(std::string_view bytes) {
    Expect(::ftruncate(fd_.get(), 0) == 0, "the spool is cut");
    const auto written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), 0);
    Expect(written == static_cast<ssize_t>(bytes.size()), "the spool is written");
  }
  const std::string& path() const { return path_; }

 private:
  std::string directory_ = std::filesystem::temp_directory_path() / "vm0-fuzz-XXXXXX";
  std::string path_;
  os::Fd fd_;
};

std::string ReadAll(const runner::DeadSpool& spool) {
  std::string all;
  for (std::int64_t next = 1; next <= spool.last_sequence();) {
    const auto batch = spool.ReadBatch(next);
    Expect(batch.has_value(), "what was found is read");
    const auto records = event::ParseRecords(*batch);
    Expect(records.has_value(), "a batch can be sent");
    Expect(records->front().sequence == next, "a batch begins where it was asked to");
    next = records->back().sequence + 1;
    all += *batch;
  }
  return all;
}

std::string HashOf(std::string_view records) {
  event::ChainHash hash;
  for (; !records.empty(); records.remove_prefix(records.find('\n') + 1))
    hash.Add(records.substr(0, records.find('\n') + 1));
  return hash.Hex();
}

bool BeginsWithRecord(std::string_view bytes, std::int64_t sequence) {
  const auto record = event::ParseRecord(bytes);
  return record && *record && (*record)->sequence == sequence && event::IsEvent((*record)->json);
}

}  // namespace

// Without the header nothing would be found: it is put before what does not begin as one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static SpoolFile file;
  std::string bytes(fuzz::View(data, size));
  if (!bytes.starts_with("vm0")) bytes.insert(0, event::kSpoolHeader);
  file.Write(bytes);
  const auto spool = runner::DeadSpool::Open(file.path());
  if (!spool || spool->last_sequence() == 0) return 0;
  const std::string records = ReadAll(*spool);
  const std::string_view after = std::string_view(bytes).substr(event::kSpoolHeader.size());
  Expect(after.starts_with(records), "what is read stands in the spool");
  Expect(HashOf(records) == spool->hash(), "the hash is the one of the records");
  Expect(!BeginsWithRecord(after.substr(records.size()), spool->last_sequence() + 1),
         "no whole record is left out");
  return 0;
}
