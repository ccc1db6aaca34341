// SPDX-License-Identifier: Apache-2.0
#include "api/object_writer.h"

#include <utility>

#include "base/text.h"

namespace vm0::api {

void ObjectWriter::Name(std::string_view name) {
  if (text_.size() > 1) text_ += ',';
  AppendJsonQuoted(text_, name);
  text_ += ':';
}

ObjectWriter& ObjectWriter::Text(std::string_view name, std::string_view value) {
  Name(name);
  AppendJsonQuoted(text_, value);
  return *this;
}

ObjectWriter& ObjectWriter::TextIf(std::string_view name, const std::optional<std::string>& value) {
  return value ? Text(name, *value) : *this;
}

ObjectWriter& ObjectWriter::Number(std::string_view name, std::int64_t value) {
  return Raw(name, std::to_string(value));
}

ObjectWriter& ObjectWriter::NumberIf(std::string_view name, std::optional<std::int64_t> value) {
  return value ? Number(name, *value) : *this;
}

ObjectWriter& ObjectWriter::Bool(std::string_view name, bool value) {
  return Raw(name, value ? "true" : "false");
}

ObjectWriter& ObjectWriter::Time(std::string_view name, WallTime value) {
  return Text(name, FormatIso(value));
}

ObjectWriter& ObjectWriter::TimeIf(std::string_view name, const std::optional<WallTime>& value) {
  return value ? Time(name, *value) : *this;
}

ObjectWriter& ObjectWriter::Texts(std::string_view name, const std::vector<std::string>& values) {
  Name(name);
  text_ += '[';
  for (const std::string& value : values) {
    if (&value != values.data()) text_ += ',';
    AppendJsonQuoted(text_, value);
  }
  text_ += ']';
  return *this;
}

ObjectWriter& ObjectWriter::Raw(std::string_view name, std::string_view json) {
  Name(name);
  text_ += json;
  return *this;
}

ObjectWriter& ObjectWriter::RawIf(std::string_view name, const std::optional<std::string>& json) {
  return json ? Raw(name, *json) : *this;
}

std::string ObjectWriter::Take() { return std::exchange(text_, "{") + '}'; }

}  // namespace vm0::api
