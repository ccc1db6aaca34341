// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/json_scan.h"
#include "base/json_walk.h"
#include "base/text.h"
#include "base/utf8.h"

namespace vm0 {
namespace {

double ParseDouble(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc::result_out_of_range) return value;
  // JavaScript: infinity or zero. from_chars tells only that it was one of them.
  const std::string copy(text);
  return std::strtod(copy.c_str(), nullptr);
}

// Builds values from what a JsonWalker meets. Boost's own parser is not used since the grammar must
// be the one of json_scan.h, and since its doubles are not always the nearest ones.
class ValueBuilder {
 public:
  ValueBuilder() { stack_.reset(); }

  void BeginObject() { Open(); }
  void BeginArray() { Open(); }
  void EndObject() { stack_.push_object(Close()); }
  void EndArray() { stack_.push_array(Close()); }
  void Key(std::string_view raw) { stack_.push_key(*DecodeJsonString(raw)); }
  void String(std::string_view raw) {
    Count();
    stack_.push_string(*DecodeJsonString(raw));
  }
  void Number(std::string_view raw) {
    Count();
    const char* const last = raw.data() + raw.size();
    std::int64_t integer = 0;
    if (auto [end, error] = std::from_chars(raw.data(), last, integer);
        error == std::errc() && end == last && raw != "-0") {
      return stack_.push_int64(integer);
    }
    std::uint64_t natural = 0;
    if (auto [end, error] = std::from_chars(raw.data(), last, natural);
        error == std::errc() && end == last) {
      return stack_.push_uint64(natural);
    }
    stack_.push_double(ParseDouble(raw));
  }
  void Literal(std::string_view raw) {
    Count();
    if (raw == "null") return stack_.push_null();
    stack_.push_bool(raw == "true");
  }

  json::value Release() { return stack_.release(); }

 private:
  void Count() {
    if (!counts_.empty()) ++counts_.back();
  }
  void Open() {
    Count();
    counts_.push_back(0);
  }
  std::size_t Close() {
    const std::size_t count = counts_.back();
    counts_.pop_back();
    return count;
  }

  json::value_stack stack_;
  std::vector<std::size_t> counts_;  // members so far of each open object or array
};

void AppendDouble(std::string& out, double value) {
  out += std::isfinite(value) ? JsNumber(value) : "null";
}

enum class Layout { kCompact, kPretty };

// The depth is what the parser allows, or what the program itself built, so recursion is bounded.
class Writer {
 public:
  explicit Writer(Layout layout) : layout_(layout) {}

  void Write(const json::value& value) {
    switch (value.kind()) {
      case json::kind::null:
        out_ += "null";
        break;
      case json::kind::bool_:
        out_ += value.get_bool() ? "true" : "false";
        break;
      case json::kind::int64:
        out_ += std::to_string(value.get_int64());
        break;
      case json::kind::uint64:
        out_ += std::to_string(value.get_uint64());
        break;
      case json::kind::double_:
        AppendDouble(out_, value.get_double());
        break;
      case json::kind::string:
        AppendJsonQuoted(out_, value.get_string());
        break;
      case json::kind::array:
        WriteArray(value.get_array());
        break;
      case json::kind::object:
        WriteObject(value.get_object());
        break;
    }
  }
  std::string Take() { return std::move(out_); }

 private:
  void WriteArray(const json::array& array) {
    out_ += '[';
    ++depth_;
    bool first = true;
    for (const json::value& element : array) {
      Separate(std::exchange(first, false));
      Write(element);
    }
    Close(']', array.empty());
  }

  void WriteObject(const json::object& object) {
    out_ += '{';
    ++depth_;
    bool first = true;
    for (const auto& member : object) {
      Separate(std::exchange(first, false));
      AppendJsonQuoted(out_, member.key());
      out_ += layout_ == Layout::kPretty ? ": " : ":";
      Write(member.value());
    }
    Close('}', object.empty());
  }

  void Separate(bool first) {
    if (!first) out_ += ',';
    NewLine();
  }
  void Close(char bracket, bool empty) {
    --depth_;
    if (!empty) NewLine();
    out_ += bracket;
  }
  void NewLine() {
    if (layout_ == Layout::kCompact) return;
    out_ += '\n';
    out_.append(2 * depth_, ' ');
  }

  Layout layout_;
  std::size_t depth_ = 0;
  std::string out_;
};

std::unexpected<Error> WrongType(std::string_view path, std::string_view name,
                                 std::string_view type) {
  std::string message(path);
  message.append(name).append(" must be ").append(type);
  return Fail(Code::kBadRequest, std::move(message));
}

// The member unless it is absent or null.
const json::value* Present(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

// JavaScript knows no difference between 5 and 5.0.
std::optional<std::int64_t> AsInteger(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (!value.is_double()) return std::nullopt;
  constexpr double kExact = 9007199254740992;  // 2^53: beyond, a double is not one integer
  const double number = value.get_double();
  if (!(std::abs(number) <= kExact) || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

}  // namespace

Result<json::value> ParseJson(std::string_view text) {
  if (const auto error = CheckJson(text)) {
    return Fail(Code::kBadRequest, "not valid JSON: " + std::string(error->reason) + " at byte " +
                                       std::to_string(error->position));
  }
  if (const std::size_t position = FindInvalidUtf8(text); position != std::string_view::npos) {
    return Fail(Code::kBadRequest, "not valid JSON: not UTF-8 at byte " + std::to_string(position));
  }
  ValueBuilder builder;
  JsonWalker<ValueBuilder>(text, 0, builder).Walk(kMaxJsonDepth);
  return builder.Release();
}

Result<json::object> ParseJsonObject(std::string_view text, std::string_view what) {
  auto value = ParseJson(text);
  if (!value) return Fail(value.error().code, std::string(what) + ": " + value.error().message);
  if (!value->is_object()) {
    return Fail(Code::kBadRequest, std::string(what) + " must be a JSON object");
  }
  return std::move(value->get_object());
}

std::string ToJson(const json::value& value) {
  Writer writer(Layout::kCompact);
  writer.Write(value);
  return writer.Take();
}

std::string ToPrettyJson(const json::value& value) {
  Writer writer(Layout::kPretty);
  writer.Write(value);
  return writer.Take();
}

std::string JsNumber(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == 0) return "0";
  // "d.ddde±xx": the shortest digits that read back as the same value.
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                          std::abs(value), std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t e = text.find('e');
  std::string digits(text.substr(0, e));
  if (digits.size() > 1) digits.erase(1, 1);
  // The names and cases of ECMA-262, Number::toString: value = 0.digits * 10^n.
  const int k = static_cast<int>(digits.size());
  const int n = static_cast<int>(*ParseInt(text.substr(e + 1))) + 1;
  const std::string sign = value < 0 ? "-" : "";
  if (k <= n && n <= 21) return sign + digits + std::string(static_cast<std::size_t>(n - k), '0');
  if (0 < n && n <= 21) return sign + digits.insert(static_cast<std::size_t>(n), 1, '.');
  if (-6 < n && n <= 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-n), '0') + digits;
  if (k > 1) digits.insert(1, 1, '.');
  return sign + digits + (n > 0 ? "e+" : "e-") + std::to_string(std::abs(n - 1));
}

std::string DisplayText(const json::value& value) {
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  if (value.is_double()) return JsNumber(value.get_double());
  return ToJson(value);
}

Result<std::optional<std::string>> StringField(const json::object& object, std::string_view name,
                                               std::string_view path) {
  const json::value* value = Present(object, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return WrongType(path, name, "a string");
  return std::string(std::string_view(value->get_string()));
}

Result<std::optional<std::int64_t>> IntField(const json::object& object, std::string_view name,
                                             std::string_view path) {
  const json::value* value = Present(object, name);
  if (value == nullptr) return std::nullopt;
  const auto integer = AsInteger(*value);
  if (!integer) return WrongType(path, name, "an integer");
  return integer;
}

Result<std::optional<bool>> BoolField(const json::object& object, std::string_view name,
                                      std::string_view path) {
  const json::value* value = Present(object, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) return WrongType(path, name, "true or false");
  return value->get_bool();
}

Result<const json::object*> ObjectField(const json::object& object, std::string_view name,
                                        std::string_view path) {
  const json::value* value = Present(object, name);
  if (value != nullptr && !value->is_object()) return WrongType(path, name, "an object");
  return value == nullptr ? nullptr : &value->get_object();
}

Result<const json::array*> ArrayField(const json::object& object, std::string_view name,
                                      std::string_view path) {
  const json::value* value = Present(object, name);
  if (value != nullptr && !value->is_array()) return WrongType(path, name, "an array");
  return value == nullptr ? nullptr : &value->get_array();
}

const json::value* Member(const json::object& object, std::string_view name) {
  return object.if_contains(name);
}

std::optional<std::string_view> StringMember(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get_string();
}

const json::object* ObjectMember(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  return value == nullptr ? nullptr : value->if_object();
}

const json::array* ArrayMember(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  return value == nullptr ? nullptr : value->if_array();
}

}  // namespace vm0
