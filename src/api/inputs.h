// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/call.h"
#include "base/json.h"
#include "base/result.h"

// What requests say, checked: every error is kBadRequest and names the field.
namespace vm0::api {

// The body, which must be a JSON object: "Request body is not valid JSON: …".
Result<json::object> ParseBody(const http::Request& request);
// Refuses a field "v" other than 1. Absent is 1: the reference's clients do not send it.
Status CheckVersion(const json::object& body);
// Refuses members that are not in `known`; `path` goes before the name.
Status RefuseUnknownFields(const json::object& object,
                           std::initializer_list<std::string_view> known,
                           std::string_view path = "");
// An integer member within bounds.
Result<std::optional<std::int64_t>> IntWithin(const json::object& object, std::string_view name,
                                              std::int64_t least, std::int64_t most);

// A query parameter that is a whole number within bounds, `otherwise` when it is absent.
Result<std::int64_t> IntQuery(const http::Target& target, std::string_view name, std::int64_t least,
                              std::int64_t most, std::int64_t otherwise);
// A query parameter that is a time: "2025-11-20", "2025-11-20T08:00:00.5Z", with an offset such as
// +01:00, or a unix time in seconds (from 12 digits on: milliseconds).
Result<std::optional<WallTime>> TimeQuery(const http::Target& target, std::string_view name);

// `text` shortened for a message.
std::string Shown(std::string_view text);

// "Invalid run id: …" (kBadRequest) for what is no UUID.
Result<RunId> ParseRunId(std::string_view text);
// The caller's own run; kNotFound "Agent run not found" for an unknown one or somebody else's.
Result<store::Run> FindOwnRun(const Call& call, std::string_view id);

}  // namespace vm0::api
