// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "measures.h"
#include "stamp.h"

extern char** environ;

namespace load {
namespace {

struct Child {
  pid_t pid;
  int out;  // the end of its stdout that is read, or -1
};

enum class Output { kIgnored, kPiped };

Child Start(const std::vector<std::string>& command, Output output) {
  if (command.empty()) Fail("a command after -- is missing");
  int pipe_fds[2] = {-1, -1};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  if (output == Output::kPiped) {
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) Fail("pipe");
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
  } else {
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  }
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = 0;
  if (posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ) != 0)
    Fail("cannot start " + command[0]);
  posix_spawn_file_actions_destroy(&actions);
  if (pipe_fds[1] >= 0) close(pipe_fds[1]);
  return {pid, pipe_fds[0]};
}

void AwaitSuccess(const Child& child) {
  int status = 0;
  waitpid(child.pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    Fail("the command has failed: " + std::to_string(status));
}

std::string Replaced(std::string word, const std::string& target) {
  const std::size_t at = word.find("{}");
  return at == word.npos ? word : word.replace(at, 2, target);
}

}  // namespace

Figures MeasureSpawn(const Options& options) {
  std::vector<std::int64_t> took;
  for (int i = 0; i < options.count; ++i) {
    const std::int64_t began = Now();
    AwaitSuccess(Start(options.command, Output::kIgnored));
    took.push_back(Now() - began);
  }
  return {{"p50_us", Percentile(took, 0.5)}, {"min_us", Percentile(took, 0)}};
}

Figures MeasureFirstByte(const Options& options) {
  const std::int64_t began = Now();
  const Child child = Start(options.command, Output::kPiped);
  char buffer[4096];
  if (read(child.out, buffer, sizeof buffer) <= 0) Fail("the command has printed nothing");
  const std::int64_t took = Now() - began;
  while (read(child.out, buffer, sizeof buffer) > 0) {
  }
  AwaitSuccess(child);
  return {{"us", static_cast<double>(took) / 1000}};
}

Figures MeasureStamps(const Options& options) {
  std::vector<pollfd> fds;
  std::vector<Child> children;
  std::vector<StampFinder> finders(options.targets.size());
  for (const std::string& target : options.targets) {
    std::vector<std::string> command;
    for (const std::string& word : options.command) command.push_back(Replaced(word, target));
    children.push_back(Start(command, Output::kPiped));
    fds.push_back({children.back().out, POLLIN, 0});
  }
  // What was written before is what the commands catch up with.
  const std::int64_t from = Now() + 1'000'000'000;
  std::vector<std::int64_t> took;
  for (std::size_t open = fds.size(); open > 0;) {
    if (poll(fds.data(), fds.size(), 60'000) <= 0) Fail("nothing comes for a minute");
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t got = read(fds[i].fd, buffer, sizeof buffer);
      const std::int64_t now = Now();
      if (got <= 0) {
        fds[i].fd = -1;
        --open;
        continue;
      }
      finders[i].Feed({buffer, static_cast<std::size_t>(got)}, [&](std::int64_t stamp) {
        if (stamp >= from) took.push_back(now - stamp);
      });
    }
  }
  for (const Child& child : children) AwaitSuccess(child);
  if (took.empty()) Fail("no record has come");
  return {{"records", static_cast<double>(took.size())},
          {"p50_us", Percentile(took, 0.5)},
          {"p99_us", Percentile(took, 0.99)},
          {"max_us", Percentile(took, 1)}};
}

Figures Tick(const Options& options) {
  const std::int64_t pause = 1'000'000'000 / options.rate;
  // Agents that start together do not print together.
  std::int64_t next = Now() + pause * (getpid() % 97) / 97;
  for (int i = 0; i < options.count; ++i) {
    const std::int64_t wait = std::max<std::int64_t>(0, next - Now());
    const timespec time{wait / 1'000'000'000, wait % 1'000'000'000};
    ppoll(nullptr, 0, &time, nullptr);
    next += pause;
    const std::string line = StampedRecord(options.bytes) + "\n";
    if (write(1, line.data(), line.size()) != static_cast<ssize_t>(line.size())) Fail("write");
  }
  return {};
}

}  // namespace load
