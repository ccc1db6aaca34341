// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "agent/config.h"
#include "base/json.h"
#include "base/result.h"

// ${{ vars.NAME }} and ${{ secrets.NAME }} in the values of a config: what they stand for is known
// when a run is created, not before (docs/agent-config.md).
namespace vm0::agent {

// 1 to 255 letters, digits and '_', no digit first.
bool IsReferenceName(std::string_view name);

struct References {
  std::set<std::string> vars;
  std::set<std::string> secrets;

  bool empty() const { return vars.empty() && secrets.empty(); }
};
// What a config refers to. kBadRequest naming the key for a "${{" that is neither of the two, a
// secret elsewhere than in a value of agent.environment, and one in version, name or provider.
Result<References> FindReferences(const json::value& config);

// Checks a config whose references are not replaced yet, as ParseConfig does. Where a reference
// stands in a value that has a rule of its own (agent.network, an entry of agent.allow, a limit …),
// the value is not checked and left out of the result; agent.binary and those without a rule are as
// they were written.
Result<Config> ParseConfigTemplate(const json::value& config);

struct ReferenceValues {
  std::map<std::string, std::string> vars;
  std::map<std::string, std::string> secrets;
};
struct Expansion {
  json::value config;
  std::set<std::string> secret_variables;  // names in agent.environment whose values hold secrets
};
// Replaces every reference, once: what comes in is not looked at again. `config` must have passed
// FindReferences, and `values` have all that it found.
Expansion ExpandReferences(json::value config, const ReferenceValues& values);

}  // namespace vm0::agent
