// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/spec.h"
#include "egress/proxy.h"

namespace vm0::supervisor {

// What an agent may reach with network allowlist, and what it is told about it.
struct NetworkPlan {
  egress::Rules rules;
  // Set when the agent's adapter has one and the run has a credential for it.
  std::optional<egress::Gateway> gateway;
  // What the agent gets in place of its own: placeholders, the gateway's URL.
  std::map<std::string, std::string> replaced;

  // Changes the agent's environment: where the proxy is, unless the user said something else; no
  // credential of the gateway stays in any variable.
  void ApplyTo(std::map<std::string, std::string>& environment) const;
};

// From the run's lists, its adapter's needs and the credentials among its variables. kBadRequest
// for a bad rule, an endpoint that is no http(s) URL, an unknown provider.
Result<NetworkPlan> PlanNetwork(const agent::RunSpec& spec,
                                const std::map<std::string, std::string>& secrets);

// What an agent gets for `credential`: random, of the same length (but of 24 characters when it is
// shorter than egress::Gateway::kShortest), with the beginning by which programs know the kind of a
// credential.
std::string MakePlaceholder(std::string_view credential);

}  // namespace vm0::supervisor
