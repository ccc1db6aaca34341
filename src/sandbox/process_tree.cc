// SPDX-License-Identifier: Apache-2.0
#include "sandbox/process_tree.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "base/text.h"
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

std::vector<pid_t> Descendants() {
  std::vector<pid_t> found;
  AddChildren(::getpid(), found);
  for (std::size_t i = 0; i < found.size(); ++i) AddChildren(found[i], found);
  return found;
}

std::optional<ProcessInfo> ReadInfo(pid_t pid) {
  const auto status = os::ReadFile("/proc/" + std::to_string(pid) + "/status");
  if (!status) return std::nullopt;
  ProcessInfo info{.pid = pid};
  for (const std::string_view line : Split(*status, '\n')) {
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
