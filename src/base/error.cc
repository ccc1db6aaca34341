// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <array>
#include <cassert>
#include <cerrno>
#include <system_error>

namespace vm0 {
namespace {

constexpr auto kTable = std::to_array<CodeInfo>({
#define X(enumerator, name, status, exit) {Code::enumerator, name, status, ExitCode::exit},
    VM0_ERROR_TABLE(X)
#undef X
});

}  // namespace

const CodeInfo& InfoOf(Code code) {
  const auto index = static_cast<std::size_t>(code);
  assert(index < kTable.size());
  return kTable[index];
}

std::optional<Code> FindCode(std::string_view name) {
  for (const CodeInfo& info : kTable) {
    if (info.name == name) return info.code;
  }
  return std::nullopt;
}

Error SystemError(std::string_view operation, std::string_view path) {
  return SystemErrorOf(errno, operation, path);
}

Error SystemErrorOf(int error_number, std::string_view operation, std::string_view path) {
  std::string message(operation);
  if (!path.empty()) message.append(" ").append(path);
  // Not strerror(), which may share one buffer between threads.
  message.append(": ").append(std::generic_category().message(error_number));
  return Error{Code::kIo, std::move(message)};
}

}  // namespace vm0
