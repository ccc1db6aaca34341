// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

namespace vm0::cli {

// The environment of the process as a value: commands read it here, so that tests choose it.
class Environment {
 public:
  Environment() = default;
  explicit Environment(std::map<std::string, std::string> variables)
      : variables_(std::move(variables)) {}
  static Environment OfProcess();

  // The variable if it is set, empty or not.
  std::optional<std::string> Find(const std::string& name) const;
  // The variable if it is set and not empty.
  std::optional<std::string> FindNonEmpty(const std::string& name) const;
  const std::map<std::string, std::string>& all() const { return variables_; }

 private:
  std::map<std::string, std::string> variables_;
};

}  // namespace vm0::cli
