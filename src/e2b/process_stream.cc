// SPDX-License-Identifier: Apache-2.0
#include "e2b/process_stream.h"

#include <array>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "e2b/answer.h"
#include "e2b/envd.h"

namespace vm0::e2b {
namespace {

// Two signs of life were due by then.
constexpr Seconds kSilence = 2 * kPingInterval + Seconds(10);

// The codes of connectrpc.com/docs/protocol that mean something to us.
constexpr std::array<std::pair<std::string_view, Code>, 7> kCodes = {{
    {"not_found", Code::kNotFound},
    {"invalid_argument", Code::kBadRequest},
    {"unauthenticated", Code::kUnauthorized},
    {"permission_denied", Code::kUnauthorized},
    {"already_exists", Code::kConflict},
    {"deadline_exceeded", Code::kDeadline},
    {"resource_exhausted", Code::kTooManyRequests},
}};

Code CodeOf(std::string_view name) {
  for (const auto& [known, code] : kCodes) {
    if (known == name) return code;
  }
  return Code::kUnavailable;
}

Result<ProcessEvent> ParseOutput(const json::object& data) {
  for (const auto& [name, pipe] :
       {std::pair{"stdout", Output::Pipe::kStdout}, std::pair{"stderr", Output::Pipe::kStderr}}) {
    const auto text = StringMember(data, name);
    if (!text) continue;
    auto bytes = Base64Decode(*text);
    if (!bytes) return Fail(StrangeAnswer("output is no base64"));
    return Output{pipe, std::move(*bytes)};
  }
  return Output{};
}

Result<int> ExitCodeOf(const json::object& end) {
  const auto code = IntField(end, "exitCode");
  if (!code) return Fail(StrangeAnswer(code.error().message));
  // Absent means 0: that is how protobuf writes JSON.
  if (!std::in_range<int>(code->value_or(0))) return Fail(StrangeAnswer("exitCode is too large"));
  return static_cast<int>(code->value_or(0));
}

}  // namespace

Result<std::optional<ProcessEvent>> ParseProcessEvent(std::string_view message) {
  const auto object = ParseJsonObject(message, "event");
  if (!object) return Fail(StrangeAnswer(object.error().message));
  const json::object* event = ObjectMember(*object, "event");
  if (event == nullptr) return Fail(StrangeAnswer("event is missing"));
  if (const json::object* start = ObjectMember(*event, "start")) {
    const auto pid = IntField(*start, "pid");
    return Started{pid && *pid ? **pid : 0};
  }
  if (const json::object* data = ObjectMember(*event, "data")) {
    VM0_ASSIGN(ProcessEvent output, ParseOutput(*data));
    return output;
  }
  if (const json::object* end = ObjectMember(*event, "end")) {
    VM0_ASSIGN(const int exit_code, ExitCodeOf(*end));
    return Ended{exit_code, std::string(StringMember(*end, "status").value_or(""))};
  }
  return std::nullopt;
}

std::optional<Error> FindConnectError(std::string_view message) {
  const auto object = ParseJsonObject(message, "answer");
  if (!object) return std::nullopt;
  const json::object* inside = ObjectMember(*object, "error");
  const json::object& error = inside == nullptr ? *object : *inside;
  const auto code = StringMember(error, "code");
  if (!code) return std::nullopt;
  const auto text = StringMember(error, "message").value_or(*code);
  return Error{CodeOf(*code), ReplaceInvalidUtf8(text)};
}

asio::awaitable<Result<ProcessEvent>> ProcessStream::Next() {
  while (events_.empty()) VM0_CO_TRY(co_await Receive());
  ProcessEvent event = std::move(events_.front());
  events_.pop_front();
  co_return event;
}

asio::awaitable<Status> ProcessStream::Receive() {
  const os::Timer silence(clock_, clock_.Now() + kSilence, [this] { body_->Close(); });
  const auto bytes = co_await body_->Read();
  if (!bytes) co_return Fail(bytes.error());
  if (bytes->empty()) co_return Fail(Code::kUnreachable, "the stream broke off");
  const auto envelopes = parser_.Feed(*bytes);
  if (!envelopes) co_return Fail(envelopes.error());
  for (const Envelope& envelope : *envelopes) VM0_CO_TRY(TakeMessage(envelope));
  co_return Status{};
}

Status ProcessStream::TakeMessage(const Envelope& envelope) {
  if ((envelope.flags & Envelope::kEndStream) != 0) {
    // Without an error the process's own end has come before.
    if (!events_.empty()) return {};
    if (auto error = FindConnectError(envelope.message)) return Fail(*std::move(error));
    return Fail(Code::kUnreachable, "the stream ended without the end of the process");
  }
  VM0_ASSIGN(auto event, ParseProcessEvent(envelope.message));
  if (event) events_.push_back(*std::move(event));
  return {};
}

}  // namespace vm0::e2b
