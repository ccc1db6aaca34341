// SPDX-License-Identifier: Apache-2.0
#include "cli/env_file.h"

#include <algorithm>
#include <utility>

#include "agent/templates.h"
#include "base/text.h"
#include "os/file.h"

namespace vm0::cli {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr std::string_view kExport = "export ";

class EnvParser {
 public:
  explicit EnvParser(std::string_view text) : text_(text) {}

  Result<std::map<std::string, std::string>> Parse() {
    std::map<std::string, std::string> variables;
    while (position_ < text_.size()) {
      const std::string_view line = TrimAscii(RestOfLine());
      if (line.empty() || line.starts_with('#')) {
        position_ += RestOfLine().size() + 1;
        continue;
      }
      VM0_ASSIGN(std::string name, Name());
      VM0_ASSIGN(variables[name], Value());
    }
    return variables;
  }

 private:
  std::string_view RestOfLine() const {
    const std::string_view rest = text_.substr(position_);
    return rest.substr(0, rest.find('\n'));
  }

  std::unexpected<Error> Refuse(std::string_view what) const {
    const auto line = 1 + std::ranges::count(text_.substr(0, position_), '\n');
    return Fail(Code::kBadRequest, "line " + std::to_string(line) + ": " + std::string(what));
  }

  Result<std::string> Name() {
    const std::string_view line = RestOfLine();
    const std::size_t equals = line.find('=');
    std::string_view name = TrimAscii(line.substr(0, equals));
    if (name.starts_with(kExport)) name = TrimAscii(name.substr(kExport.size()));
    if (equals == std::string_view::npos || !agent::IsReferenceName(name))
      return Refuse("expected NAME=value");
    position_ += equals + 1;
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t'))
      ++position_;
    return std::string(name);
  }

  Result<std::string> Value() {
    const char quote = position_ < text_.size() ? text_[position_] : '\n';
    if (quote == '"' || quote == '\'') return Quoted(quote);
    std::string_view line = RestOfLine();
    position_ += line.size() + 1;
    if (line.starts_with('#')) return std::string();
    return std::string(TrimAscii(line.substr(0, line.find(" #"))));
  }

  Result<std::string> Quoted(char quote) {
    std::string value;
    std::size_t at = position_ + 1;
    for (; at < text_.size() && text_[at] != quote; ++at) {
      if (quote == '"' && text_[at] == '\\' && at + 1 < text_.size()) {
        value += Unescaped(text_[++at]);
      } else {
        value += text_[at];
      }
    }
    if (at == text_.size()) return Refuse("a quote that does not end");
    position_ = at + 1;
    const std::string_view after = TrimAscii(RestOfLine());
    if (!after.empty() && !after.starts_with('#')) return Refuse("text after a quoted value");
    position_ += RestOfLine().size() + 1;
    return value;
  }

  static std::string Unescaped(char c) {
    if (c == 'n') return "\n";
    if (c == 't') return "\t";
    if (c == '"' || c == '\\') return {c};
    return {'\\', c};
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace

Result<std::map<std::string, std::string>> ParseEnvFile(std::string_view text) {
  return EnvParser(text).Parse();
}

Result<std::map<std::string, std::string>> ReadEnvFile(const std::filesystem::path& path) {
  VM0_ASSIGN(const std::string text, os::ReadFile(path, kMaxBytes));
  auto variables = ParseEnvFile(text);
  if (variables) return variables;
  return Fail(variables.error().code, path.string() + ", " + variables.error().message);
}

}  // namespace vm0::cli
