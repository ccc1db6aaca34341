// SPDX-License-Identifier: Apache-2.0
#include "agent/adapter.h"

#include <array>

#include "agent/claude_code_adapter.h"
#include "agent/command_adapter.h"

namespace vm0::agent {
namespace {

std::array<const Adapter*, 2> Adapters() { return {&ClaudeCodeAdapter(), &CommandAdapter()}; }

}  // namespace

const Adapter* FindAdapter(std::string_view name) {
  for (const Adapter* adapter : Adapters())
    if (adapter->name() == name) return adapter;
  return nullptr;
}

std::vector<std::string_view> AdapterNames() {
  std::vector<std::string_view> names;
  for (const Adapter* adapter : Adapters()) names.push_back(adapter->name());
  return names;
}

}  // namespace vm0::agent
