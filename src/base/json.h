// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vm0 {

namespace json = boost::json;

// Parses a whole JSON text to a value. Takes all that IsJson takes and that is valid UTF-8: lone
// surrogates become U+FFFD, integers beyond 64 bits become doubles, of duplicate keys the last
// wins. kBadRequest with position and reason otherwise.
Result<json::value> ParseJson(std::string_view text);
// The same, and it must be an object; `what` names it in the message ("request body").
Result<json::object> ParseJsonObject(std::string_view text, std::string_view what);

// Compact, members in their order.
std::string ToJson(const json::value& value);
// Two spaces of indent, as JSON.stringify(value, null, 2).
std::string ToPrettyJson(const json::value& value);
// A number as JavaScript's String() writes it: 1e21 is "1e+21", 5.0 is "5", -0 is "0".
std::string JsNumber(double value);
// Any value as JavaScript's String() would, except that objects and arrays are compact JSON.
std::string DisplayText(const json::value& value);

// Fields of an object. `path` goes before the name in messages ("config.agent." + "name"). An
// absent or null field is nullopt; one of another type is kBadRequest: "<path><name> must be a
// string".
Result<std::optional<std::string>> StringField(const json::object& object, std::string_view name,
                                               std::string_view path = "");
Result<std::optional<std::int64_t>> IntField(const json::object& object, std::string_view name,
                                             std::string_view path = "");
Result<std::optional<bool>> BoolField(const json::object& object, std::string_view name,
                                      std::string_view path = "");
// The object or array field, borrowed from `object`; nullptr when absent or null.
Result<const json::object*> ObjectField(const json::object& object, std::string_view name,
                                        std::string_view path = "");
Result<const json::array*> ArrayField(const json::object& object, std::string_view name,
                                      std::string_view path = "");

// Loose access for untrusted events: the member if it is there and of that type.
const json::value* Member(const json::object& object, std::string_view name);
std::optional<std::string_view> StringMember(const json::object& object, std::string_view name);
const json::object* ObjectMember(const json::object& object, std::string_view name);
const json::array* ArrayMember(const json::object& object, std::string_view name);

}  // namespace vm0
