// SPDX-License-Identifier: Apache-2.0
#include "cli/config_file.h"

#include <algorithm>
#include <utility>

#include "agent/templates.h"
#include "cli/exit.h"
#include "cli/yaml.h"
#include "os/file.h"

namespace vm0::cli {
namespace {

bool IsNameStart(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
bool IsNamePart(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

// The length of a variable's name at the start of `text`; 0 when there is none.
std::size_t NameLength(std::string_view text) {
  if (text.empty() || !IsNameStart(text[0])) return 0;
  std::size_t length = 1;
  while (length < text.size() && IsNamePart(text[length])) ++length;
  return length;
}

std::string ExpandText(std::string_view text, const Environment& environment,
                       std::vector<std::string>& missing) {
  std::string expanded;
  while (!text.empty()) {
    const auto start = text.find("${");
    expanded += text.substr(0, start);
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    const std::size_t length = NameLength(text.substr(2));
    if (length == 0 || text.substr(2 + length, 1) != "}") {
      expanded += text.substr(0, 2);
      text.remove_prefix(2);
      continue;
    }
    const std::string name(text.substr(2, length));
    if (const auto value = environment.Find(name))
      expanded += *value;
    else if (std::ranges::find(missing, name) == missing.end())
      missing.push_back(name);
    text.remove_prefix(length + 3);
  }
  return expanded;
}

std::unexpected<ConfigFileError> FailWith(Code code, std::string headline,
                                          std::vector<std::string> details = {}) {
  return std::unexpected(ConfigFileError{code, std::move(headline), std::move(details)});
}

std::unexpected<ConfigFileError> MissingVariables(const std::vector<std::string>& missing) {
  std::vector<std::string> lines;
  for (const auto& name : missing) lines.push_back("  - " + name);
  lines.push_back("");
  lines.push_back("Please set these variables before running 'vm0 build'.");
  lines.push_back("Example:");
  for (const auto& name : missing) lines.push_back("  export " + name + "=your-value");
  return FailWith(Code::kBadRequest, "Missing required environment variables:", std::move(lines));
}

}  // namespace

void ExpandVariables(json::value& value, const Environment& environment,
                     std::vector<std::string>& missing) {
  if (value.is_string()) {
    value = ExpandText(value.get_string(), environment, missing);
  } else if (value.is_array()) {
    for (auto& element : value.get_array()) ExpandVariables(element, environment, missing);
  } else if (value.is_object()) {
    for (auto& member : value.get_object()) ExpandVariables(member.value(), environment, missing);
  }
}

std::expected<ConfigFile, ConfigFileError> LoadConfigFile(const std::filesystem::path& path,
                                                          const Environment& environment) {
  const auto text = os::ReadFile(path, 2 * kYamlBytes);
  if (!text && text.error().code == Code::kNotFound)
    return FailWith(Code::kNotFound, "Config file not found: " + path.string());
  if (!text)
    return FailWith(Code::kBadRequest, "Can't read the config file", {text.error().message});
  auto value = ParseYaml(*text);
  if (!value)
    return FailWith(Code::kBadRequest, "Invalid YAML format",
                    {"  " + path.string() + ": " + value.error().message});
  std::vector<std::string> missing;
  ExpandVariables(*value, environment, missing);
  if (!missing.empty()) return MissingVariables(missing);
  auto config = agent::ParseConfigTemplate(*value);
  if (!config) return FailWith(config.error().code, config.error().message);
  return ConfigFile{.json = std::move(*value), .config = std::move(*config)};
}

int ReportConfigFileError(Output& output, const ConfigFileError& error) {
  output.SayFailure(error.headline);
  for (const auto& line : error.details) {
    // The list of names is plain, what to do about it is gray.
    if (line.starts_with("  - "))
      output.Say(line);
    else
      output.SayPainted(line, term::Style::kGray);
  }
  return ExitOf(error.code);
}

}  // namespace vm0::cli
