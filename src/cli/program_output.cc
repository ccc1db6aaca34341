// SPDX-License-Identifier: Apache-2.0
#include "cli/program_output.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>

#include "base/text.h"
#include "os/process.h"

namespace vm0::cli {
namespace {

constexpr std::size_t kLineLimit = 4096;

// Until a line is complete, the program closes its stdout, or time is up (false).
bool ReadLine(int fd, std::string& line, Millis patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (line.size() < kLineLimit && line.find('\n') == std::string::npos) {
    const auto left =
        std::chrono::duration_cast<Millis>(deadline - std::chrono::steady_clock::now());
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) <= 0) return false;
    std::array<char, 1024> buffer{};
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count <= 0) return true;
    line.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Result<std::string> FirstLineOf(const std::string& executable,
                                const std::vector<std::string>& arguments,
                                const std::map<std::string, std::string>& environment,
                                Millis patience) {
  VM0_ASSIGN(auto pipe, os::MakePipe());
  os::SpawnOptions options;
  options.executable = executable;
  options.argv = {executable};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.environment = environment;
  options.descriptors = {{1, pipe.write.get()}};
  // Its own process group, to be killed whole.
  options.new_session = true;
  VM0_ASSIGN(const auto child, os::Spawn(options));
  pipe.write.Close();
  std::string line;
  const bool in_time = ReadLine(pipe.read.get(), line, patience);
  ::kill(-child.pid, SIGKILL);
  VM0_TRY(os::Wait(child.pid));
  if (!in_time) return Fail(Code::kDeadline, executable + " did not answer");
  return std::string(TrimAscii(line.substr(0, line.find('\n'))));
}

}  // namespace vm0::cli
