// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace vm0::api {

// Writes one JSON object as text, so that stored JSON passes through byte for byte.
class ObjectWriter {
 public:
  ObjectWriter& Text(std::string_view name, std::string_view value);
  // The …If ones leave an absent value out.
  ObjectWriter& TextIf(std::string_view name, const std::optional<std::string>& value);
  ObjectWriter& Number(std::string_view name, std::int64_t value);
  ObjectWriter& NumberIf(std::string_view name, std::optional<std::int64_t> value);
  ObjectWriter& Bool(std::string_view name, bool value);
  ObjectWriter& Time(std::string_view name, WallTime value);
  ObjectWriter& TimeIf(std::string_view name, const std::optional<WallTime>& value);
  ObjectWriter& Texts(std::string_view name, const std::vector<std::string>& values);
  // `json` must be valid JSON.
  ObjectWriter& Raw(std::string_view name, std::string_view json);
  ObjectWriter& RawIf(std::string_view name, const std::optional<std::string>& json);

  // The object; the writer is empty after.
  std::string Take();

 private:
  void Name(std::string_view name);
  std::string text_ = "{";
};

}  // namespace vm0::api
