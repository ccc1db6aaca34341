// SPDX-License-Identifier: Apache-2.0
#include "sandbox/installation.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/text.h"
#include "os/fd.h"

namespace vm0::sandbox {
namespace {

constexpr std::size_t kLongestLine = 256;  // the kernel's BINPRM_BUF_SIZE
constexpr std::string_view kBlanks = " \t";

}  // namespace

std::filesystem::path InstallationOf(const std::filesystem::path& program) {
  std::filesystem::path above;
  for (const auto& part : program.parent_path()) {
    above /= part;
    if (part == "node_modules") return above;
  }
  return program;
}

std::optional<Interpreter> ReadInterpreter(const std::filesystem::path& program) {
  os::Fd fd(::open(program.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  std::array<char, kLongestLine> buffer{};
  const ssize_t size = fd.is_open() ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  std::string_view line(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (!line.starts_with("#!")) return std::nullopt;
  line = TrimAscii(line.substr(2, line.find('\n') - 2));
  const std::size_t end = line.find_first_of(kBlanks);
  if (line.empty()) return std::nullopt;
  Interpreter interpreter{.path = std::string(line.substr(0, end)), .argument = ""};
  if (end != std::string_view::npos) interpreter.argument = TrimAscii(line.substr(end));
  return interpreter;
}

std::optional<std::string> Interpreter::SearchedProgram() const {
  if (std::filesystem::path(path).filename() != "env") return std::nullopt;
  std::string_view rest = argument;
  if (rest.starts_with("-S")) rest = TrimAscii(rest.substr(2));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
  // Options and assignments of env: rare, and nothing is lost but the mapping.
  if (word.empty() || word.starts_with('-') || word.find_first_of("=/") != word.npos) {
    return std::nullopt;
  }
  return std::string(word);
}

}  // namespace vm0::sandbox
