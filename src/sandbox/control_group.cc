// SPDX-License-Identifier: Apache-2.0
#include "sandbox/control_group.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <set>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kCpuPeriodUs = 100'000;
constexpr std::int64_t kShortestQuotaUs = 1000;  // the kernel takes no less
// bwrap and the first process inside.
constexpr std::int64_t kOwnProcesses = 2;
constexpr auto kEmptyPatience = std::chrono::seconds(5);
// Where our own processes go when their group shall have others with controllers below it.
constexpr std::string_view kLeaf = "vm0-own";

Status WriteGroupFile(const fs::path& path, std::string_view text) {
  const os::Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) return Fail(SystemError("open", path.native()));
  // In one piece: each write is one command.
  if (::write(file.get(), text.data(), text.size()) >= 0) return {};
  return Fail(SystemError("write", path.native()));
}

std::string ReadGroupFile(const fs::path& path) {
  auto text = os::ReadFile(path, 64 << 10);
  return text ? std::move(*text) : "";
}

std::optional<std::int64_t> ReadNumber(const fs::path& path) {
  return ParseInt(TrimAscii(ReadGroupFile(path)));
}

// The number behind `key` in lines of "key number".
std::optional<std::int64_t> ReadKey(const fs::path& path, std::string_view key) {
  const std::string text = ReadGroupFile(path);
  for (const std::string_view line : Split(text, '\n')) {
    if (line.starts_with(key) && line.substr(key.size()).starts_with(' ')) {
      return ParseInt(line.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

bool IsWritable(const fs::path& path) { return ::access(path.c_str(), W_OK) == 0; }

bool MakeFolder(const fs::path& path) {
  return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

bool ListsController(const fs::path& file, std::string_view controller) {
  const std::string text = ReadGroupFile(file);
  const auto names = Split(TrimAscii(text), ' ');
  return std::ranges::find(names, controller) != names.end();
}

// Lets groups below `parent` have that controller, where it has it itself and we may say so.
bool Delegate(const fs::path& parent, std::string_view controller) {
  const fs::path control = parent / "cgroup.subtree_control";
  if (ListsController(control, controller)) return true;
  if (!ListsController(parent / "cgroup.controllers", controller)) return false;
  return WriteGroupFile(control, "+" + std::string(controller)).has_value();
}

// True when they got the memory at least.
bool DelegateAll(const fs::path& parent) {
  (void)Delegate(parent, "pids");
  (void)Delegate(parent, "cpu");
  return Delegate(parent, "memory");
}

// Whether we are the only process there, and the controllers are. (Others are not ours to move.)
bool IsAloneIn(const fs::path& group) {
  return ListsController(group / "cgroup.controllers", "memory") &&
         TrimAscii(ReadGroupFile(group / "cgroup.procs")) == std::to_string(::getpid());
}

// Where in v2 a run's group is made: below our own group, when that may have groups with
// controllers below it, else beside it. Empty when we may make none.
fs::path FindUnifiedParent(const fs::path& own) {
  if (own.empty()) return {};
  const fs::path group = own.filename() == kLeaf ? own.parent_path() : own;
  if (IsWritable(group) && IsWritable(group / "cgroup.procs")) {
    if (DelegateAll(group)) return group;
    // A group with processes may have none with controllers below it.
    if (IsAloneIn(group) && MakeFolder(group / kLeaf)) {
      (void)WriteGroupFile(group / kLeaf / "cgroup.procs", "0");
      if (DelegateAll(group)) return group;
    }
  }
  const fs::path beside = group.parent_path();
  const bool is_group = IsWritable(beside) && IsWritable(beside / "cgroup.procs");
  if (is_group && ListsController(beside / "cgroup.subtree_control", "memory")) return beside;
  return IsWritable(group) && IsWritable(group / "cgroup.procs") ? group : fs::path();
}

using Deadline = std::chrono::steady_clock::time_point;

int MillisUntil(Deadline deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::max<std::int64_t>(millis, 0));
}

// Until nobody is left in a v2 group.
void AwaitEmpty(const fs::path& group, Deadline deadline) {
  const os::Fd events(::open((group / "cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  while (events.is_open() && MillisUntil(deadline) > 0) {
    const auto text = os::ReadAll(events.get());
    if (!text || text->contains("populated 0")) return;
    pollfd changed{events.get(), POLLPRI, 0};
    ::poll(&changed, 1, std::min(MillisUntil(deadline), 1000));
  }
}

std::vector<pid_t> ProcessesIn(const fs::path& group) {
  std::vector<pid_t> found;
  const std::string text = ReadGroupFile(group / "cgroup.procs");
  for (const std::string_view line : Split(text, '\n')) {
    if (const auto pid = ParseInt(line)) found.push_back(static_cast<pid_t>(*pid));
  }
  return found;
}

// v1 kills nobody by itself: again and again, until those that forked meanwhile are gone, too.
void KillEach(const fs::path& group, Deadline deadline) {
  for (;;) {
    std::vector<os::Fd> killed;
    for (const pid_t pid : ProcessesIn(group)) {
      auto process = os::OpenPidFd(pid);
      if (process && os::SignalPidFd(process->get(), SIGKILL))
        killed.push_back(std::move(*process));
    }
    if (killed.empty() || MillisUntil(deadline) == 0) return;
    for (const os::Fd& process : killed) {
      pollfd ended{process.get(), POLLIN, 0};
      ::poll(&ended, 1, MillisUntil(deadline));
    }
  }
}

void KillUnified(const fs::path& group) {
  if (!group.empty()) (void)WriteGroupFile(group / "cgroup.kill", "1");
}

// The v2 group, where there is one, kills all at once and can be waited for.
void RemoveFolders(const fs::path& unified, const std::vector<fs::path>& folders) {
  const Deadline deadline = std::chrono::steady_clock::now() + kEmptyPatience;
  KillUnified(unified);
  if (!unified.empty()) AwaitEmpty(unified, deadline);
  for (const fs::path& folder : folders) {
    if (::rmdir(folder.c_str()) == 0 || errno != EBUSY) continue;
    KillEach(folder, deadline);
    ::rmdir(folder.c_str());
  }
}

}  // namespace

Result<std::unique_ptr<ControlGroup>> ControlGroup::Make(const GroupPlaces& places,
                                                         const std::string& name,
                                                         const Limits& limits) {
  std::unique_ptr<ControlGroup> made(new ControlGroup);
  ControlGroup& group = *made;
  group.memory_ = MakeV1(places.memory, name, "memory.limit_in_bytes");
  group.pids_ = MakeV1(places.pids, name, "pids.max");
  group.cpu_ = MakeV1(places.cpu, name, "cpu.cfs_quota_us");
  if (const auto made_time = MakeV1(places.cpu_time, name, "cpuacct.usage")) {
    group.cpu_time_ = made_time->folder;
  }
  if (!group.memory_ || !group.pids_ || !group.cpu_) group.MakeUnified(places.unified, name);
  if (limits.memory_bytes) VM0_TRY(group.SetMemory(*limits.memory_bytes));
  if (limits.cpu) VM0_TRY(group.SetCpu(*limits.cpu));
  if (limits.pids) group.SetPids(*limits.pids);
  return made;
}

std::optional<ControlGroup::Controller> ControlGroup::MakeV1(const fs::path& place,
                                                             const std::string& name,
                                                             const char* file) {
  if (place.empty() || !IsWritable(place) || !MakeFolder(place / name)) return std::nullopt;
  if (IsWritable(place / name / file)) return Controller{place / name, Layout::kV1};
  ::rmdir((place / name).c_str());
  return std::nullopt;
}

// For what v1 does not have.
void ControlGroup::MakeUnified(const fs::path& own, const std::string& name) {
  const fs::path parent = FindUnifiedParent(own);
  if (parent.empty() || !MakeFolder(parent / name)) return;
  unified_ = parent / name;
  const auto take = [this](std::optional<Controller>& controller, const char* file) {
    if (!controller && IsWritable(unified_ / file)) controller = {unified_, Layout::kV2};
  };
  take(memory_, "memory.max");
  take(pids_, "pids.max");
  take(cpu_, "cpu.max");
}

ControlGroup::~ControlGroup() { RemoveFolders(unified_, folders()); }

Enforceable ControlGroup::controllers() const {
  return {.memory = memory_.has_value(), .pids = pids_.has_value(), .cpu = cpu_.has_value()};
}

std::vector<fs::path> ControlGroup::folders() const {
  std::set<fs::path> folders;
  for (const auto* controller : {&memory_, &pids_, &cpu_}) {
    if (*controller) folders.insert((*controller)->folder);
  }
  if (!cpu_time_.empty()) folders.insert(cpu_time_);
  if (!unified_.empty()) folders.insert(unified_);
  return {folders.begin(), folders.end()};
}

// Swap counts as memory; where it can't be counted there is mostly none.
Status ControlGroup::SetMemory(std::int64_t bytes) const {
  if (!memory_) return Fail(Code::kSandboxUnavailable, "no control group can limit the memory");
  const std::string text = std::to_string(bytes);
  const fs::path& folder = memory_->folder;
  if (memory_->layout == Layout::kV1) {
    VM0_TRY(WriteGroupFile(folder / "memory.limit_in_bytes", text));
    (void)WriteGroupFile(folder / "memory.memsw.limit_in_bytes", text);
    return {};
  }
  VM0_TRY(WriteGroupFile(folder / "memory.max", text));
  (void)WriteGroupFile(folder / "memory.swap.max", "0");
  return {};
}

Status ControlGroup::SetCpu(double cores) const {
  if (!cpu_) return Fail(Code::kSandboxUnavailable, "no control group can limit the cpu");
  const auto wanted = static_cast<std::int64_t>(cores * static_cast<double>(kCpuPeriodUs));
  const std::string quota = std::to_string(std::max(wanted, kShortestQuotaUs));
  const std::string period = std::to_string(kCpuPeriodUs);
  if (cpu_->layout == Layout::kV2) {
    return WriteGroupFile(cpu_->folder / "cpu.max", quota + " " + period);
  }
  VM0_TRY(WriteGroupFile(cpu_->folder / "cpu.cfs_period_us", period));
  return WriteGroupFile(cpu_->folder / "cpu.cfs_quota_us", quota);
}

void ControlGroup::SetPids(std::int64_t most) const {
  if (!pids_) return;
  (void)WriteGroupFile(pids_->folder / "pids.max", std::to_string(most + kOwnProcesses));
}

Usage ControlGroup::usage() const {
  Usage usage;
  if (memory_) {
    const bool v1 = memory_->layout == Layout::kV1;
    const fs::path& folder = memory_->folder;
    usage.memory_peak_bytes =
        ReadNumber(folder / (v1 ? "memory.max_usage_in_bytes" : "memory.peak"));
    usage.oom_kills =
        ReadKey(folder / (v1 ? "memory.oom_control" : "memory.events"), "oom_kill").value_or(0);
  }
  if (pids_) {
    const auto peak = ReadNumber(pids_->folder / "pids.peak");
    if (peak) usage.pids_peak = std::max<std::int64_t>(*peak - kOwnProcesses, 1);
  }
  if (!unified_.empty()) usage.cpu_us = ReadKey(unified_ / "cpu.stat", "usage_usec");
  const auto nanoseconds = ReadNumber(cpu_time_ / "cpuacct.usage");
  if (nanoseconds && !cpu_time_.empty()) usage.cpu_us = *nanoseconds / 1000;
  return usage;
}

void ControlGroup::Kill() {
  if (!unified_.empty()) return KillUnified(unified_);
  const auto all = folders();
  if (!all.empty()) KillEach(all.front(), std::chrono::steady_clock::now() + kEmptyPatience);
}

std::string GroupName(const std::string& box) { return "vm0-" + box; }

Enforceable ProbeGroups() {
  static std::atomic<int> count{0};
  const std::string name =
      "vm0-probe-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  const auto group = ControlGroup::Make(FindPlaces(), name, {});
  return group ? (*group)->controllers() : Enforceable{};
}

// v1 moves the thread that asks for itself at once; a process with all its threads, and in v2, only
// after ten milliseconds, when no processor can be in the middle of a fork or exit any more.
Status JoinGroup(const fs::path& folder) {
  const auto moved = WriteGroupFile(folder / "tasks", "0");
  return moved ? moved : WriteGroupFile(folder / "cgroup.procs", "0");
}

void RemoveGroup(const std::string& name) {
  const GroupPlaces places = FindPlaces();
  const fs::path parent = FindUnifiedParent(places.unified);
  fs::path unified = parent.empty() ? fs::path() : parent / name;
  std::error_code ignored;
  if (!unified.empty() && !fs::is_directory(unified, ignored)) unified.clear();
  std::vector<fs::path> folders;
  for (const fs::path& place : {places.memory, places.pids, places.cpu, places.cpu_time}) {
    if (!place.empty()) folders.push_back(place / name);
  }
  if (!unified.empty()) folders.push_back(unified);
  RemoveFolders(unified, folders);
}

}  // namespace vm0::sandbox
