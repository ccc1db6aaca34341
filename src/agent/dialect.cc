// SPDX-License-Identifier: Apache-2.0
#include "agent/dialect.h"

#include <array>

#include "agent/claude_code_dialect.h"
#include "agent/plain_dialect.h"

namespace vm0::agent {
namespace {

std::array<const Dialect*, 2> Dialects() { return {&PlainDialect(), &ClaudeCodeDialect()}; }

}  // namespace

const Dialect* FindDialect(std::string_view name) {
  for (const Dialect* dialect : Dialects())
    if (dialect->name() == name) return dialect;
  return nullptr;
}

std::vector<std::string_view> DialectNames() {
  std::vector<std::string_view> names;
  for (const Dialect* dialect : Dialects()) names.push_back(dialect->name());
  return names;
}

}  // namespace vm0::agent
