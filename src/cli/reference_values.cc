// SPDX-License-Identifier: Apache-2.0
#include "cli/reference_values.h"

#include <utility>

#include "base/text.h"
#include "cli/env_file.h"

namespace vm0::cli {
namespace {

using Variables = std::map<std::string, std::string>;

Result<Variables> ReadFileFor(const RunOptions& options) {
  auto variables = ReadEnvFile(options.env_file.empty() ? ".env" : options.env_file);
  const bool is_absent = !variables && variables.error().code == Code::kNotFound;
  if (is_absent && options.env_file.empty()) return Variables{};
  return variables;
}

// Our environment, then the file, which is read when the environment does not have all. An empty
// value counts as none.
class Sources {
 public:
  Sources(const RunOptions& options, const Environment& environment)
      : options_(options), environment_(environment) {}

  Result<std::optional<std::string>> Find(const std::string& name) {
    if (auto value = environment_.FindNonEmpty(name)) {
      from_environment_.push_back(name);
      return value;
    }
    if (!file_) {
      VM0_ASSIGN(file_, ReadFileFor(options_));
    }
    const auto found = file_->find(name);
    if (found == file_->end() || found->second.empty()) return std::nullopt;
    from_file_.push_back(name);
    return found->second;
  }

  std::vector<std::string> Notices() const {
    std::vector<std::string> notices;
    if (!from_environment_.empty())
      notices.push_back("Taken from your environment: " + Join(from_environment_, ", "));
    const std::string file = options_.env_file.empty() ? ".env" : options_.env_file;
    if (!from_file_.empty())
      notices.push_back("Taken from " + file + ": " + Join(from_file_, ", "));
    return notices;
  }

 private:
  const RunOptions& options_;
  const Environment& environment_;
  std::optional<Variables> file_;
  std::vector<std::string> from_environment_;
  std::vector<std::string> from_file_;
};

}  // namespace

Result<KnownValues> FindValues(const agent::References& references, const RunOptions& options,
                               const Environment& environment) {
  KnownValues known;
  known.references.vars = options.vars;
  Sources sources(options, environment);
  for (const std::string& name : references.vars) {
    if (options.vars.contains(name)) continue;
    VM0_ASSIGN(auto value, sources.Find(name));
    if (value) known.references.vars.emplace(name, *std::move(value));
  }
  for (const std::string& name : options.named_secrets) {
    VM0_ASSIGN(auto value, sources.Find(name));
    if (value) {
      known.secrets.emplace(name, *std::move(value));
    } else {
      known.stored.push_back(name);
    }
  }
  for (const std::string& name : references.secrets) {
    if (options.secrets.contains(name) || known.secrets.contains(name)) continue;
    VM0_ASSIGN(auto value, sources.Find(name));
    if (value) known.references.secrets.emplace(name, *std::move(value));
  }
  known.notices = sources.Notices();
  return known;
}

}  // namespace vm0::cli
