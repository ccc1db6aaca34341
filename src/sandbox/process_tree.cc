// SPDX-License-Identifier: Apache-2.0
#include "sandbox/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"

namespace vm0::sandbox {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// The entries of a directory of /proc whose names are numbers.
std::vector<pid_t> NumbersIn(const std::string& path) {
  std::vector<pid_t> numbers;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (!directory) return numbers;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (const auto number = ParseInt(entry->d_name)) numbers.push_back(static_cast<pid_t>(*number));
  }
  return numbers;
}

void AddChildren(pid_t process, std::vector<pid_t>& out) {
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  for (const pid_t task : NumbersIn(tasks)) {
    const auto list = os::ReadFile(tasks + "/" + std::to_string(task) + "/children");
    if (!list) continue;
    for (const std::string_view word : Split(*list, ' ')) {
      if (const auto child = ParseInt(word)) out.push_back(static_cast<pid_t>(*child));
    }
  }
}

// One read, since there may be thousands of processes and a look at all of them for each run: the
// lines that count stand in the first few hundred bytes.
std::optional<ProcessInfo> ReadInfo(pid_t pid) {
  const os::Fd fd(
      ::open(("/proc/" + std::to_string(pid) + "/status").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return std::nullopt;
  std::array<char, 1024> bytes;
  const ssize_t size = ::read(fd.get(), bytes.data(), bytes.size());
  if (size <= 0) return std::nullopt;
  ProcessInfo info{.pid = pid};
  for (const std::string_view line : Split({bytes.data(), static_cast<std::size_t>(size)}, '\n')) {
    if (line.starts_with("State:\tZ") || line.starts_with("State:\tX")) return std::nullopt;
    if (!line.starts_with("Uid:\t")) continue;
    const auto uids = Split(line.substr(5), '\t');
    if (uids.size() < 2) return std::nullopt;
    info.real_uid = static_cast<uid_t>(ParseInt(uids[0]).value_or(0));
    info.effective_uid = static_cast<uid_t>(ParseInt(uids[1]).value_or(0));
    return info;
  }
  return std::nullopt;
}

}  // namespace

std::vector<pid_t> Descendants() {
  std::vector<pid_t> found;
  AddChildren(::getpid(), found);
  for (std::size_t i = 0; i < found.size(); ++i) AddChildren(found[i], found);
  return found;
}

void KillDescendants() {
  for (;;) {
    const auto descendants = Descendants();
    for (const pid_t pid : descendants) ::kill(pid, SIGKILL);
    // Each orphan comes to us, so that there is a next one to wait for until all are gone. The
    // lists in /proc may miss one whose brother has just ended: then look again instead of waiting
    // for it.
    const int options = descendants.empty() ? WNOHANG : 0;
    if (::waitpid(-1, nullptr, options) < 0 && errno == ECHILD) return;
  }
}

std::vector<ProcessInfo> FindProcesses(const std::function<bool(const ProcessInfo&)>& wanted) {
  std::vector<ProcessInfo> found;
  for (const pid_t pid : NumbersIn("/proc")) {
    const auto info = ReadInfo(pid);
    if (info && wanted(*info)) found.push_back(*info);
  }
  return found;
}

}  // namespace vm0::sandbox
