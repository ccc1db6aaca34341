// SPDX-License-Identifier: Apache-2.0
// Any bytes are a value within the limits, or an error that says why; and any value is an agent
// config or an error.
#include <algorithm>
#include <string>

#include "agent/config.h"
#include "agent/templates.h"
#include "base/fuzz.h"
#include "base/json_scan.h"
#include "base/text.h"
#include "cli/yaml.h"

namespace {

using namespace vm0;
using fuzz::Expect;

std::size_t CountValues(const json::value& value, int depth) {
  Expect(depth <= cli::kYamlDepth, "a value is not too deep");
  std::size_t count = 1;
  if (const auto* array = value.if_array())
    for (const json::value& element : *array) count += CountValues(element, depth + 1);
  if (const auto* object = value.if_object())
    for (const auto& member : *object) count += CountValues(member.value(), depth + 1);
  return count;
}

void CheckError(const Error& error) {
  Expect(error.code == Code::kBadRequest && !error.message.empty(), "an error says why");
  Expect(IsValidUtf8(error.message), "an error is text");
}

void CheckConfig(const json::value& value) {
  const auto config = agent::ParseConfig(value);
  if (!config) CheckError(config.error());
  if (config) Expect(agent::IsAgentName(config->name), "a config has a name");
  const auto references = agent::FindReferences(value);
  if (!references) return CheckError(references.error());
  const auto with_references = agent::ParseConfigTemplate(value);
  if (!with_references) return CheckError(with_references.error());
  if (references->empty()) Expect(config.has_value(), "a template without references is a config");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = cli::ParseYaml(fuzz::View(data, size));
  if (!value) {
    CheckError(value.error());
    return 0;
  }
  Expect(CountValues(*value, 0) <= cli::kYamlValues, "there are not too many values");
  const std::string text = ToJson(*value);
  Expect(IsJson(text) && IsValidUtf8(text), "a value can be sent");
  CheckConfig(*value);
  return 0;
}
