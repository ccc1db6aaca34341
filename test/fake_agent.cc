// SPDX-License-Identifier: Apache-2.0
// An agent that does what a JSON script says; see README.md for the steps.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nasty_lines.h"

namespace vm0::test {
namespace {

namespace json = boost::json;

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "fake_agent: %s\n", message.c_str());
  std::_Exit(70);
}

volatile std::sig_atomic_t caught_signals[65] = {};
void Catch(int signal) { caught_signals[signal] = 1; }

int SignalOf(std::string_view name) {
  static const std::map<std::string_view, int> signals = {
      {"SIGINT", SIGINT},   {"SIGTERM", SIGTERM}, {"SIGHUP", SIGHUP},   {"SIGKILL", SIGKILL},
      {"SIGSEGV", SIGSEGV}, {"SIGABRT", SIGABRT}, {"SIGPIPE", SIGPIPE}, {"SIGUSR1", SIGUSR1}};
  const auto found = signals.find(name);
  if (found == signals.end()) Die("unknown signal " + std::string(name));
  return found->second;
}

std::string String(const json::value& value) { return std::string(value.as_string()); }

std::string DecodeBase64(std::string_view text) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = digits.find(c);
    if (digit == std::string_view::npos) break;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return out;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Die("can not read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Agent {
 public:
  explicit Agent(std::string prompt) : prompt_(std::move(prompt)) { sigemptyset(&open_mask_); }

  void Run(const json::array& steps) {
    for (const json::value& step : steps) {
      RunCaught();
      Step(step.as_object());
    }
  }

 private:
  void Step(const json::object& step);
  bool StepOutput(std::string_view name, const json::value& value);
  bool StepWait(std::string_view name, const json::value& value, const json::object& step);
  bool StepEnd(std::string_view name, const json::value& value);
  bool StepLook(std::string_view name, const json::value& value);
  void Claude(const json::object& what);
  void ClaudeBlock(std::string_view role, json::object block);
  void Emit(const json::value& value) { Write(1, json::serialize(value) + "\n"); }
  void Write(int fd, std::string_view bytes);
  void RunCaught();
  void Wait(const std::string& path);
  void Tell(const std::string& path, std::string_view text);
  void Spawn(const json::array& steps, const json::object& step);
  void Command(const json::array& argv);
  void On(const json::object& handlers);

  std::string prompt_;
  std::map<int, json::array> handlers_;
  sigset_t open_mask_;  // during waits: signals with a handler come only then
  bool session_open_ = false;
  int message_ = 0;
};

// A signal with steps is blocked but for the waits, so that none is missed between look and wait.
void Agent::RunCaught() {
  if (handlers_.empty()) return;
  timespec none{};
  ::ppoll(nullptr, 0, &none, &open_mask_);
  for (auto& [signal, steps] : handlers_) {
    if (!caught_signals[signal]) continue;
    caught_signals[signal] = 0;
    const json::array copy = steps;
    for (const json::value& step : copy) Step(step.as_object());
  }
}

void Agent::Write(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t piece = bytes.size();
    if (!handlers_.empty()) {
      pollfd poll{fd, POLLOUT, 0};
      if (::ppoll(&poll, 1, nullptr, &open_mask_) < 0) {
        RunCaught();
        continue;
      }
      piece = std::min<std::size_t>(piece, PIPE_BUF);
    }
    const ssize_t written = ::write(fd, bytes.data(), piece);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) std::_Exit(71);  // nobody reads any more
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

// One byte from a fifo.
void Agent::Wait(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) Die("can not open " + path + ": " + std::strerror(errno));
  char byte = 0;
  for (;;) {
    pollfd poll{fd, POLLIN, 0};
    if (::ppoll(&poll, 1, nullptr, &open_mask_) < 0) {
      RunCaught();
      continue;
    }
    const ssize_t count = ::read(fd, &byte, 1);
    if (count == 1) break;
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count == 0) break;  // a writer came and went
    Die("can not read " + path);
  }
  ::close(fd);
}

// To a fifo that somebody reads, or to the end of a file.
void Agent::Tell(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) Die("can not write " + path + ": " + std::strerror(errno));
  if (::write(fd, text.data(), text.size()) < 0) Die("can not write " + path);
  ::close(fd);
}

void Agent::Spawn(const json::array& steps, const json::object& step) {
  std::array<int, 2> ready{};
  if (::pipe(ready.data()) != 0) Die("pipe");
  const pid_t pid = ::fork();
  if (pid < 0) Die("fork");
  if (pid == 0) {
    if (step.contains("setsid")) ::setsid();
    ::close(ready[0]);
    if (::write(ready[1], "x", 1) != 1) Die("pipe");
    ::close(ready[1]);
    Run(steps);
    std::_Exit(0);
  }
  // Goes on when the child is in its own session.
  ::close(ready[1]);
  char byte = 0;
  while (::read(ready[0], &byte, 1) < 0 && errno == EINTR) {
  }
  ::close(ready[0]);
}

void Agent::Command(const json::array& argv) {
  std::vector<std::string> words;
  for (const auto& word : argv) words.push_back(String(word));
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    ::execvp(pointers[0], pointers.data());
    Die("can not execute " + words[0]);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

void Agent::On(const json::object& handlers) {
  for (const auto& [name, steps] : handlers) {
    const int signal = SignalOf(name);
    handlers_[signal] = steps.as_array();
    struct sigaction action {};
    action.sa_handler = Catch;
    ::sigaction(signal, &action, nullptr);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, signal);
    ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
  }
}

bool Agent::StepOutput(std::string_view name, const json::value& value) {
  if (name == "emit") {
    Emit(value);
  } else if (name == "line") {
    Write(1, String(value) + "\n");
  } else if (name == "text") {
    Write(1, String(value));
  } else if (name == "base64") {
    Write(1, DecodeBase64(value.as_string()));
  } else if (name == "file") {
    Write(1, ReadFile(String(value)));
  } else if (name == "stderr") {
    Write(2, String(value) + "\n");
  } else if (name == "stderr_base64") {
    Write(2, DecodeBase64(value.as_string()));
  } else if (name == "nasty") {
    NastyLines lines(value.at("seed").to_number<std::uint64_t>(),
                     value.at("max").to_number<std::uint64_t>());
    const auto count = value.at("count").to_number<std::uint64_t>();
    for (std::uint64_t i = 0; i < count; ++i) Write(1, lines.Next() + "\n");
  } else if (name == "fill") {
    const std::string pad(value.at("size").to_number<std::size_t>(), 'x');
    const auto count = value.at("count").to_number<std::uint64_t>();
    for (std::uint64_t i = 1; i <= count; ++i) {
      Write(1, R"({"type":"fill","n":)" + std::to_string(i) + R"(,"pad":")" + pad + "\"}\n");
    }
  } else if (name == "bytes") {
    Write(1,
          std::string(value.at("count").to_number<std::size_t>(), value.at("byte").as_string()[0]));
  } else if (name == "claude") {
    Claude(value.as_object());
  } else {
    return false;
  }
  return true;
}

bool Agent::StepWait(std::string_view name, const json::value& value, const json::object& step) {
  if (name == "wait") {
    Wait(String(value));
  } else if (name == "tell") {
    const auto* text = step.if_contains("say");
    Tell(String(value), text ? String(*text) : "x");
  } else if (name == "hang") {
    for (;;) {
      ::ppoll(nullptr, 0, nullptr, &open_mask_);
      RunCaught();
    }
  } else if (name == "spawn") {
    Spawn(value.as_array(), step);
  } else if (name == "run") {
    Command(value.as_array());
  } else if (name == "forever") {
    for (;;) Run(value.as_array());
  } else if (name == "repeat") {
    for (auto left = value.to_number<std::uint64_t>(); left > 0; --left)
      Run(step.at("steps").as_array());
  } else {
    return false;
  }
  return true;
}

bool Agent::StepEnd(std::string_view name, const json::value& value) {
  if (name == "exit") {
    std::_Exit(value.to_number<int>());
  } else if (name == "kill") {
    ::signal(SignalOf(value.as_string()), SIG_DFL);
    ::kill(::getpid(), SignalOf(value.as_string()));
    for (;;) ::pause();
  } else if (name == "ignore") {
    for (const auto& signal : value.as_array()) ::signal(SignalOf(signal.as_string()), SIG_IGN);
  } else if (name == "on") {
    On(value.as_object());
  } else if (name == "close") {
    ::close(value.as_string() == "stderr" ? 2 : 1);
  } else {
    return false;
  }
  return true;
}

bool Agent::StepLook(std::string_view name, const json::value& value) {
  if (name == "show_prompt") {
    Emit(json::object{{"type", "prompt"}, {"text", prompt_}});
  } else if (name == "show_env") {
    json::object found;
    for (const auto& variable : value.as_array()) {
      const char* text = std::getenv(String(variable).c_str());
      found[variable.as_string()] = text ? json::value(text) : json::value(nullptr);
    }
    Emit(json::object{{"type", "env"}, {"env", found}});
  } else if (name == "show_process") {
    std::array<char, 4096> cwd{};
    const char* path = ::getcwd(cwd.data(), cwd.size());
    Emit(json::object{
        {"type", "process"}, {"pid", ::getpid()}, {"uid", ::getuid()}, {"cwd", path ? path : ""}});
  } else {
    return false;
  }
  return true;
}

void Agent::Step(const json::object& step) {
  if (step.empty()) Die("empty step");
  const auto& [name, value] = *step.begin();
  if (StepOutput(name, value) || StepWait(name, value, step) || StepEnd(name, value) ||
      StepLook(name, value)) {
    return;
  }
  Die("unknown step " + std::string(name));
}

void Agent::ClaudeBlock(std::string_view role, json::object block) {
  json::object message{{"role", role}, {"content", json::array{std::move(block)}}};
  if (role == "assistant") {
    message["id"] = "msg_" + std::to_string(++message_);
    message["type"] = "message";
    message["model"] = "fake-model";
    message["usage"] = {{"input_tokens", 10}, {"output_tokens", 1}};
  }
  Emit(json::object{{"type", role},
                    {"message", std::move(message)},
                    {"parent_tool_use_id", nullptr},
                    {"session_id", "fake-session"}});
}

// The shapes of Claude Code's stream-json.
void Agent::Claude(const json::object& what) {
  const auto& [name, value] = *what.begin();
  if (name == "init") {
    Emit(json::object{{"type", "system"},
                      {"subtype", "init"},
                      {"cwd", "/workspace"},
                      {"session_id", "fake-session"},
                      {"model", "fake-model"},
                      {"tools", json::array{"Bash", "Read"}},
                      {"permissionMode", "bypassPermissions"}});
  } else if (name == "text") {
    ClaudeBlock("assistant", {{"type", "text"}, {"text", value}});
  } else if (name == "thinking") {
    ClaudeBlock("assistant", {{"type", "thinking"}, {"thinking", value}, {"signature", "fake"}});
  } else if (name == "tool_use") {
    json::object block{{"type", "tool_use"}};
    for (const auto& [key, member] : value.as_object()) block[key] = member;
    ClaudeBlock("assistant", std::move(block));
  } else if (name == "tool_result") {
    json::object block{{"type", "tool_result"}};
    for (const auto& [key, member] : value.as_object()) block[key] = member;
    ClaudeBlock("user", std::move(block));
  } else if (name == "result") {
    json::object result{{"type", "result"},
                        {"subtype", "success"},
                        {"is_error", false},
                        {"duration_ms", 1500},
                        {"duration_api_ms", 1200},
                        {"num_turns", 2},
                        {"result", ""},
                        {"session_id", "fake-session"},
                        {"total_cost_usd", 0.0123},
                        {"usage", {{"input_tokens", 1500}, {"output_tokens", 20}}}};
    for (const auto& [key, member] : value.as_object()) result[key] = member;
    Emit(std::move(result));
  } else {
    Die("unknown claude shape " + std::string(name));
  }
}

std::string FindScript(const std::string& prompt) {
  if (!prompt.empty() && (prompt[0] == '{' || prompt[0] == '[')) return prompt;
  if (const char* path = std::getenv("FAKE_AGENT_SCRIPT")) return ReadFile(path);
  return R"([{"show_prompt":true}])";
}

}  // namespace
}  // namespace vm0::test

int main(int argc, char** argv) {
  using namespace vm0::test;
  const std::string prompt = argc > 1 ? argv[argc - 1] : "";
  boost::system::error_code error;
  const json::value script = json::parse(FindScript(prompt), error);
  if (error) Die("bad script: " + error.message());
  Agent agent(prompt);
  try {
    agent.Run(script.is_array() ? script.as_array() : script.at("steps").as_array());
  } catch (const std::exception& failure) {
    Die(failure.what());
  }
  return 0;
}
