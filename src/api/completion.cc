// SPDX-License-Identifier: Apache-2.0
#include "api/completion.h"

#include <limits>

#include "api/inputs.h"
#include "base/run_error.h"

namespace vm0::api {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMaxErrorCodeBytes = 64;
constexpr std::size_t kMaxUnenforced = 32;
constexpr std::int64_t kMaxExitCode = std::numeric_limits<std::int32_t>::max();

Result<store::RunStatus> ReadStatus(const json::object& body) {
  VM0_ASSIGN(const std::optional<std::string> name, StringField(body, "status"));
  if (!name) return Fail(Code::kBadRequest, "Missing status");
  const std::optional<store::RunStatus> status = store::FindRunStatus(*name);
  if (!status || !store::IsTerminal(*status))
    return Fail(Code::kBadRequest, "status must be completed, failed, timeout or cancelled");
  return *status;
}

Result<std::optional<std::string>> ReadText(const json::object& body, std::string_view name,
                                            std::size_t most) {
  VM0_ASSIGN(std::optional<std::string> text, StringField(body, name));
  if (text && text->size() > most)
    return Fail(Code::kBadRequest,
                std::string(name) + " must be at most " + std::to_string(most) + " bytes");
  return text;
}

Result<std::optional<int>> ReadInt(const json::object& body, std::string_view name,
                                   std::int64_t least, std::int64_t most) {
  VM0_ASSIGN(const std::optional<std::int64_t> number, IntWithin(body, name, least, most));
  if (!number) return std::optional<int>();
  return static_cast<int>(*number);
}

Result<std::string> ReadHash(const json::object& body) {
  VM0_ASSIGN(const std::optional<std::string> hash, StringField(body, "hash"));
  if (!hash || hash->empty()) return std::string();
  if (hash->size() != 64 || hash->find_first_not_of("0123456789abcdef") != std::string::npos)
    return Fail(Code::kBadRequest, "hash must be 64 digits of lower-case hex");
  return *hash;
}

// A newer supervisor may name an error that we do not know.
Result<std::optional<std::string>> ReadErrorCode(const json::object& body) {
  VM0_ASSIGN(std::optional<std::string> code, ReadText(body, "errorCode", kMaxErrorCodeBytes));
  const auto letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  if (code && (code->empty() || code->find_first_not_of(letters) != std::string::npos))
    return Fail(Code::kBadRequest, "errorCode must be the name of an error");
  return code;
}

// The parts of `usage` that we know, as they are stored.
Result<std::optional<std::string>> ReadUsage(const json::object& body) {
  VM0_ASSIGN(const json::object* usage, ObjectField(body, "usage"));
  if (usage == nullptr) return std::optional<std::string>();
  json::object known;
  for (const char* name : {"memoryPeakBytes", "pidsPeak", "cpuMs", "diskPeakBytes", "oomKills"}) {
    VM0_ASSIGN(const auto number, IntWithin(*usage, name, 0, kMost));
    if (number) known[name] = *number;
  }
  VM0_ASSIGN(const json::array* unenforced, ArrayField(*usage, "unenforced", "usage."));
  json::array names;
  for (const auto& name : unenforced == nullptr ? json::array() : *unenforced) {
    if (!name.is_string() || name.get_string().size() > kMaxErrorCodeBytes ||
        names.size() >= kMaxUnenforced)
      return Fail(Code::kBadRequest, "usage.unenforced must be an array of names of limits");
    names.push_back(name);
  }
  known["unenforced"] = std::move(names);
  return ToJson(json::value(std::move(known)));
}

}  // namespace

Result<run::Completion> ParseCompletion(const json::object& body) {
  run::Completion completion;
  VM0_ASSIGN(completion.last_sequence, IntWithin(body, "lastSequence", 0, kMost));
  if (!completion.last_sequence) return Fail(Code::kBadRequest, "Missing lastSequence");
  VM0_ASSIGN(completion.status, ReadStatus(body));
  VM0_ASSIGN(completion.exit_code, ReadInt(body, "exitCode", -kMaxExitCode - 1, kMaxExitCode));
  VM0_ASSIGN(completion.signal, ReadInt(body, "signal", 1, 64));
  VM0_ASSIGN(completion.reason, ReadText(body, "reason", kMaxReasonBytes));
  VM0_ASSIGN(completion.output, ReadText(body, "output", kMaxOutputBytes));
  VM0_ASSIGN(const std::optional<bool> complete, BoolField(body, "outputComplete"));
  completion.output_complete = complete.value_or(true);
  VM0_ASSIGN(const std::optional<std::int64_t> time, IntWithin(body, "executionTimeMs", 0, kMost));
  completion.execution_time_ms = time.value_or(0);
  VM0_ASSIGN(completion.hash, ReadHash(body));
  VM0_ASSIGN(completion.error_code, ReadErrorCode(body));
  VM0_ASSIGN(completion.usage, ReadUsage(body));
  return completion;
}

Result<run::Completion> ParseOutsiderCompletion(const json::object& body) {
  run::Completion completion;
  VM0_ASSIGN(completion.exit_code, ReadInt(body, "exitCode", -kMaxExitCode - 1, kMaxExitCode));
  if (!completion.exit_code) return Fail(Code::kBadRequest, "Missing exitCode");
  VM0_ASSIGN(completion.reason, ReadText(body, "error", kMaxReasonBytes));
  const int code = *completion.exit_code;
  completion.status = code == 0 ? store::RunStatus::kCompleted : store::RunStatus::kFailed;
  const auto error = completion.reason ? RunError::kAgentFailed : RunError::kAgentExited;
  completion.error_code = InfoOf(error).name;
  if (!completion.reason) completion.reason = Describe(error, std::to_string(code));
  return completion;
}

}  // namespace vm0::api
