// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vm0 {

// The exit codes of the CLI. Scripts rely on them; see README.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kNotAuthenticated = 3,
  kNotFound = 4,
  kServer = 5,
  kSandboxUnavailable = 6,
  kTimeout = 124,
  kCancelled = 130,
};

// Every error there is: its name on the wire, the HTTP status that carries it and the exit code
// that the CLI ends with. The one table of API, CLI and docs (docs/errors.md is generated from it).
//   X(enumerator, name on the wire, HTTP status, exit code)
#define VM0_ERROR_TABLE(X)                                                \
  X(kBadRequest, "BAD_REQUEST", 400, kUsage)                              \
  X(kUnauthorized, "UNAUTHORIZED", 401, kNotAuthenticated)                \
  X(kForbidden, "FORBIDDEN", 403, kNotAuthenticated)                      \
  X(kNotFound, "NOT_FOUND", 404, kNotFound)                               \
  X(kMethodNotAllowed, "METHOD_NOT_ALLOWED", 405, kUsage)                 \
  X(kConflict, "CONFLICT", 409, kFailed)                                  \
  X(kIdempotencyMismatch, "IDEMPOTENCY_MISMATCH", 409, kFailed)           \
  X(kCursorAhead, "CURSOR_AHEAD", 409, kUsage)                            \
  X(kSequenceGap, "SEQUENCE_GAP", 409, kServer)                           \
  X(kEventMismatch, "EVENT_MISMATCH", 409, kServer)                       \
  X(kRunSupervised, "RUN_SUPERVISED", 409, kFailed)                       \
  X(kRunEnded, "RUN_ENDED", 410, kFailed)                                 \
  X(kSuperseded, "SUPERSEDED", 410, kServer)                              \
  X(kEventsPruned, "EVENTS_PRUNED", 410, kNotFound)                       \
  X(kPayloadTooLarge, "PAYLOAD_TOO_LARGE", 413, kUsage)                   \
  X(kUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", 415, kUsage)         \
  X(kMisdirected, "MISDIRECTED_REQUEST", 421, kUsage)                     \
  X(kSandboxUnavailable, "SANDBOX_UNAVAILABLE", 422, kSandboxUnavailable) \
  X(kTooManyRequests, "TOO_MANY_REQUESTS", 429, kFailed)                  \
  X(kHeadersTooLarge, "HEADERS_TOO_LARGE", 431, kUsage)                   \
  X(kInternal, "INTERNAL_SERVER_ERROR", 500, kServer)                     \
  X(kUnavailable, "UNAVAILABLE", 503, kServer)                            \
  X(kIo, "IO_ERROR", 500, kServer)                                        \
  X(kUnreachable, "UNREACHABLE", 502, kServer)                            \
  X(kDeadline, "DEADLINE_EXCEEDED", 504, kServer)

enum class Code {
#define X(enumerator, name, status, exit) enumerator,
  VM0_ERROR_TABLE(X)
#undef X
};

struct CodeInfo {
  Code code;
  std::string_view name;
  int http_status;
  ExitCode exit_code;
};

const CodeInfo& InfoOf(Code code);
// The code of that name on the wire; nullopt for a name of another version.
std::optional<Code> FindCode(std::string_view name);

// Something that can happen: I/O, a bad request, an agent that died. Bugs are asserts, not Errors.
struct Error {
  Code code = Code::kInternal;
  // For people: names the field or file, and says what to do. No line break at the end.
  std::string message;
  // The number that the code speaks of: of kSequenceGap the one expected, kCursorAhead the last,
  // kEventsPruned the first; of a refusal of E2B seconds to wait. Field `number` on the wire.
  std::optional<std::int64_t> number = std::nullopt;

  bool operator==(const Error&) const = default;
};

// "open /x/y: No such file or directory", code kIo, from errno at the time of the call.
Error SystemError(std::string_view operation, std::string_view path = "");
// The same for an errno value that was kept.
Error SystemErrorOf(int error_number, std::string_view operation, std::string_view path = "");

}  // namespace vm0
