// SPDX-License-Identifier: Apache-2.0
#include "api/inputs.h"

#include <algorithm>
#include <limits>

#include "api/parse_time.h"
#include "base/text.h"

namespace vm0::api {
namespace {

std::unexpected<Error> BadField(std::string_view name, std::string_view rule) {
  return Fail(Code::kBadRequest, std::string(name) + " " + std::string(rule));
}

std::string RangeRule(std::int64_t least, std::int64_t most) {
  return "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most);
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<json::object> ParseBody(const http::Request& request) {
  auto value = ParseJson(request.body);
  if (!value) {
    std::string_view reason = value.error().message;
    constexpr std::string_view kPrefix = "not valid JSON: ";
    if (reason.starts_with(kPrefix)) reason.remove_prefix(kPrefix.size());
    return Fail(Code::kBadRequest, "Request body is not valid JSON: " + std::string(reason));
  }
  if (!value->is_object()) return Fail(Code::kBadRequest, "Request body must be a JSON object");
  return std::move(value->get_object());
}

Status CheckVersion(const json::object& body) {
  const json::value* version = Member(body, "v");
  if (version == nullptr || *version == json::value(1)) return {};
  return Fail(Code::kBadRequest,
              "Unknown version \"v\":" + Shown(ToJson(*version)) + "; this server speaks 1");
}

Status RefuseUnknownFields(const json::object& object,
                           std::initializer_list<std::string_view> known, std::string_view path) {
  for (const auto& member : object) {
    if (std::ranges::find(known, std::string_view(member.key())) == known.end())
      return Fail(Code::kBadRequest, "Unknown field: " + std::string(path) + Shown(member.key()));
  }
  return {};
}

Result<std::optional<std::int64_t>> IntWithin(const json::object& object, std::string_view name,
                                              std::int64_t least, std::int64_t most) {
  VM0_ASSIGN(const std::optional<std::int64_t> number, IntField(object, name));
  if (number && (*number < least || *number > most)) return BadField(name, RangeRule(least, most));
  return number;
}

Result<std::int64_t> IntQuery(const http::Target& target, std::string_view name, std::int64_t least,
                              std::int64_t most, std::int64_t otherwise) {
  const std::optional<std::string> text = target.Query(name);
  if (!text) return otherwise;
  const std::optional<std::int64_t> number = IsDigits(*text) ? ParseInt(*text) : std::nullopt;
  if (!number || *number < least || *number > most) return BadField(name, RangeRule(least, most));
  return *number;
}

Result<std::optional<WallTime>> TimeQuery(const http::Target& target, std::string_view name) {
  const std::optional<std::string> text = target.Query(name);
  if (!text) return std::optional<WallTime>();
  const std::optional<WallTime> time = ParseTime(*text);
  if (!time)
    return BadField(name, "must be a time such as 2025-11-20T08:00:00Z, or a unix time in seconds");
  return time;
}

std::string Shown(std::string_view text) {
  constexpr std::size_t kMost = 80;
  if (text.size() <= kMost) return ReplaceInvalidUtf8(text);
  return ReplaceInvalidUtf8(text.substr(0, kMost)) + "…";
}

Result<RunId> ParseRunId(std::string_view text) {
  const std::optional<RunId> id = RunId::Parse(text);
  if (!id) return Fail(Code::kBadRequest, "Invalid run id: " + Shown(text));
  return *id;
}

Result<store::Run> FindOwnRun(const Call& call, std::string_view id) {
  VM0_ASSIGN(const RunId run_id, ParseRunId(id));
  VM0_ASSIGN(std::optional<store::Run> run, call.reader().runs.FindRun(run_id));
  if (!run || run->user_id != call.principal.user_id)
    return Fail(Code::kNotFound, "Agent run not found");
  return *std::move(run);
}

}  // namespace vm0::api
