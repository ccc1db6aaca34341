// SPDX-License-Identifier: Apache-2.0
#include "os/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "base/text.h"
#include "os/file.h"

namespace vm0::os {
namespace {

constexpr std::size_t kStatmBytes = 256;

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The second number of /proc/self/statm, in pages.
std::uint64_t ReadResidentBytes() {
  const auto text = ReadFile("/proc/self/statm", kStatmBytes);
  if (!text) return 0;
  const auto fields = Split(*text, ' ');
  const auto pages = fields.size() > 1 ? ParseInt(fields[1]) : std::nullopt;
  return static_cast<std::uint64_t>(pages.value_or(0) * ::sysconf(_SC_PAGESIZE));
}

std::uint64_t CountDescriptors() {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // without the one that looks
}

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  rusage times{};
  if (::getrusage(RUSAGE_SELF, &times) == 0)
    usage.cpu_seconds = SecondsOf(times.ru_utime) + SecondsOf(times.ru_stime);
  usage.resident_bytes = ReadResidentBytes();
  usage.open_descriptors = CountDescriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.most_descriptors = limit.rlim_cur;
  return usage;
}

}  // namespace vm0::os
