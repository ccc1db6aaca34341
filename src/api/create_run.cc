// SPDX-License-Identifier: Apache-2.0
#include "api/create_run.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/adapter.h"
#include "base/public_address.h"

namespace vm0::api {
namespace {

constexpr std::array<std::string_view, 4> kKnownSandboxes = {"bubblewrap", "gvisor", "container",
                                                             agent::kCloudSandbox};

std::unexpected<Error> NeedsHostScope(std::string_view what) {
  return Fail(Code::kForbidden,
              std::string(what) +
                  " needs a token with host scope: use <data-dir>/admin.token, or ask the admin "
                  "for a token with \"hostScope\":true");
}

std::unexpected<Error> Unavailable(std::string message) {
  return Fail(Code::kSandboxUnavailable, std::move(message));
}

struct ChosenSandbox {
  std::string name;
  agent::Enforceable can;
};

Result<ChosenSandbox> ChooseSandbox(const RunRequest& request, const agent::Config& config,
                                    const RunPolicy& policy) {
  std::string sandbox = request.sandbox.value_or(config.sandbox);
  if (sandbox.empty()) sandbox = kDefaultSandbox;
  if (sandbox == kExternalSandbox) return ChosenSandbox{sandbox, {}};
  if (std::ranges::find(kKnownSandboxes, sandbox) == kKnownSandboxes.end() && sandbox != kNoSandbox)
    return Fail(Code::kBadRequest,
                "sandbox must be none, external, bubblewrap, gvisor, container "
                "or e2b");
  auto can = policy.find_sandbox(sandbox);
  if (can) return ChosenSandbox{sandbox, *can};
  if (can.error().code != Code::kNotFound) return Fail(std::move(can).error());
  return Unavailable("sandbox " + sandbox +
                     " is not available on this server: say --sandbox none "
                     "(\"sandbox\":\"none\") to run without isolation");
}

// Its machine is not this one, and we hold it to nothing there.
bool IsElsewhere(const std::string& sandbox) { return sandbox == agent::kCloudSandbox; }

// Whether this caller may run without a sandbox here.
Status CheckUnsandboxed(const RunRequest& request, const RunPolicy& policy) {
  if (!policy.host_scope) return NeedsHostScope("\"sandbox\":\"none\"");
  switch (policy.unsandboxed) {
    case Unsandboxed::kAllowed:
      return {};
    case Unsandboxed::kWhenAsked:
      if (request.sandbox) return {};
      return Fail(Code::kForbidden,
                  "The config says sandbox none; say it for this run too: --sandbox none "
                  "(\"sandbox\":\"none\")");
    case Unsandboxed::kRefused:
      break;
  }
  return Fail(Code::kForbidden,
              "This server runs nothing without a sandbox: start it with vm0 serve "
              "--allow-unsandboxed");
}

// The network of a run in a box, and its list.
Status ChooseNetwork(const RunRequest& request, const agent::Config& config,
                     const agent::Adapter& adapter, const RunPolicy& policy, agent::RunSpec& spec) {
  spec.network = request.network.value_or(config.network);
  if (spec.network.empty()) spec.network = "allowlist";
  if (spec.network == "allowlist") {
    const auto& allow = request.allow ? *request.allow : config.allow;
    spec.allow = policy.allow;
    spec.deny = policy.deny;
    spec.allow.insert(spec.allow.end(), allow.begin(), allow.end());
    return {};
  }
  if (!request.allow.value_or(std::vector<std::string>()).empty())
    return Fail(Code::kBadRequest, "allow is only for network allowlist");
  if (spec.network == "none" && adapter.gateway())
    return Fail(Code::kBadRequest, std::string(adapter.display_name()) +
                                       " can't work with network none: leave it out (allowlist), "
                                       "and it reaches its own endpoint and nothing else");
  return {};
}

// Where we have no hand on the network.
Result<std::string> ChooseOpenNetwork(const RunRequest& request, const agent::Config& config,
                                      const std::string& sandbox) {
  const std::string network = request.network.value_or(config.network);
  if (!network.empty() && network != "full")
    return Unavailable("network " + network + " can't be enforced with sandbox " + sandbox +
                       ": say --network full (\"network\":\"full\")");
  // With the network said to be full, the config's list has been overruled.
  if (request.allow.value_or(network.empty() ? config.allow : std::vector<std::string>()).size() >
      0)
    return Unavailable("allow can't be enforced with sandbox " + sandbox +
                       ": leave it out, or say --network full (\"network\":\"full\")");
  return std::string("full");
}

// What only the host has can't be had in a sandbox elsewhere.
Status CheckElsewhere(const RunRequest& request) {
  if (request.binary)
    return Fail(Code::kBadRequest, "binary has no meaning with sandbox " +
                                       std::string(agent::kCloudSandbox) +
                                       ": the agent's program is looked for inside of it");
  if (!request.workspace || request.workspace->mode == agent::Workspace::Mode::kCopy) return {};
  return Fail(Code::kBadRequest,
              "workspace.mode must be copy with sandbox " + std::string(agent::kCloudSandbox) +
                  ": it is copied to the sandbox, and what the agent makes of it is copied back to "
                  "the run's own directory");
}

// What is not public is the host's own network.
Status CheckAllowed(const std::vector<std::string>& allow) {
  for (const std::string& text : allow) {
    VM0_ASSIGN(const HostRule rule, ParseHostRule(text));
    if (rule.kind != HostRule::Kind::kNetwork) continue;
    if (IsPublic(AddressNetwork{rule.network, rule.prefix})) continue;
    return NeedsHostScope("allow with an address that is not public (" + text + ")");
  }
  return {};
}

Status CheckHostScope(const RunRequest& request, const agent::Config& config,
                      const RunPolicy& policy, const agent::RunSpec& spec) {
  if (policy.host_scope) return {};
  if (request.workspace) return NeedsHostScope("workspace.path");
  if (IsElsewhere(spec.sandbox)) return {};
  if (request.binary) return NeedsHostScope("binary");
  if (!config.binary.empty()) return NeedsHostScope("The config's binary");
  if (request.network.value_or(config.network) == "full") return NeedsHostScope("network full");
  return CheckAllowed(request.allow.value_or(config.allow));
}

// Nothing of ours runs, so what says how to run has no meaning.
Status CheckExternal(const RunRequest& request) {
  const std::array<std::pair<std::string_view, bool>, 9> named = {{
      {"workspace", request.workspace.has_value()},
      {"binary", request.binary.has_value()},
      {"secrets", !request.secrets.empty()},
      {"storedSecrets", !request.stored_secrets.empty()},
      {"network", request.network.has_value()},
      {"allow", request.allow.has_value()},
      {"timeout", request.timeout.has_value()},
      {"maxAttempts", request.max_attempts.has_value()},
      {"partial", request.partial},
  }};
  for (const auto& [name, given] : named) {
    if (given)
      return Fail(Code::kBadRequest,
                  std::string(name) + " has no meaning with sandbox external: leave it out");
  }
  return {};
}

struct Variables {
  std::map<std::string, std::string> environment;
  store::Secrets secrets;
};

// What the agent gets, and what is only masked: the secrets that values are made of.
Variables MergeVariables(const RunRequest& request, const ChosenAgent& chosen) {
  Variables merged{request.environment, request.secrets};
  merged.environment.insert(chosen.config.environment.begin(), chosen.config.environment.end());
  // A secret that the config makes a larger value of, under the secret's own name, is in that
  // value.
  for (const std::string& name : chosen.secret_variables)
    if (chosen.secrets.contains(name)) merged.secrets.erase(name);
  for (auto entry = merged.environment.begin(); entry != merged.environment.end();) {
    const auto& [name, value] = *entry;
    const bool is_named_so = agent::IsSecretName(name) || (chosen.secret_variables.contains(name) &&
                                                           !request.environment.contains(name));
    // An empty value keeps nothing secret, and can't be masked.
    const bool is_secret = is_named_so && !value.empty();
    if (is_secret) merged.secrets.emplace(name, value);
    entry = is_secret || merged.secrets.contains(name) ? merged.environment.erase(entry)
                                                       : std::next(entry);
  }
  for (const auto& [name, value] : chosen.secrets)
    merged.secrets.emplace(store::MaskedOnly(name), value);
  return merged;
}

Status CheckCredential(const agent::Adapter& adapter, const Variables& variables) {
  std::vector<std::string> names;
  for (const auto& [name, value] : variables.environment) names.push_back(name);
  for (const auto& [name, value] : variables.secrets) names.push_back(name);
  if (adapter.credential_remedy().empty() || adapter.HasCredential(names)) return {};
  return Fail(Code::kBadRequest, "This run has no credential for " +
                                     std::string(adapter.display_name()) + ". " +
                                     std::string(adapter.credential_remedy()));
}

Status CheckProgram(const RunRequest& request, const agent::Config& config,
                    const agent::Adapter& adapter) {
  if (!adapter.program().empty()) return {};
  if (config.command.empty())
    return Fail(Code::kBadRequest, "Agent \"" + std::string(adapter.name()) +
                                       "\" needs a config that says its command: vm0 build");
  if (request.binary)
    return Fail(Code::kBadRequest, "binary has no meaning for an agent with a command");
  return {};
}

agent::RunSpec MakeSpec(const RunRequest& request, const agent::Config& config,
                        const agent::Adapter& adapter, const RunPolicy& policy) {
  agent::RunSpec spec;
  spec.provider = config.provider;
  spec.dialect =
      config.dialect.empty() ? std::string(adapter.default_dialect().name()) : config.dialect;
  spec.command = config.command;
  spec.binary = request.binary.value_or(config.binary);
  spec.prompt = request.prompt;
  spec.partial = request.partial;
  spec.host_scope = policy.host_scope;
  spec.workspace = request.workspace.value_or(agent::Workspace{});
  spec.working_dir = config.working_dir;
  spec.limits = config.limits;
  if (request.timeout) spec.limits.timeout = request.timeout;
  return spec;
}

// Checks of a run that a runner of ours will claim.
Status CheckSupervised(const RunRequest& request, const agent::Config& config,
                       const agent::Adapter& adapter, const RunPolicy& policy,
                       const agent::Enforceable& can, agent::RunSpec& spec) {
  VM0_TRY(CheckHostScope(request, config, policy, spec));
  if (spec.sandbox == kNoSandbox) {
    VM0_TRY(CheckUnsandboxed(request, policy));
    VM0_ASSIGN(spec.network, ChooseOpenNetwork(request, config, spec.sandbox));
  } else if (IsElsewhere(spec.sandbox)) {
    VM0_TRY(CheckElsewhere(request));
    VM0_ASSIGN(spec.network, ChooseOpenNetwork(request, config, spec.sandbox));
    spec.image = config.image;
  } else {
    VM0_TRY(ChooseNetwork(request, config, adapter, policy, spec));
  }
  VM0_TRY(agent::CheckNamed(spec.limits, can, spec.sandbox));
  return CheckProgram(request, config, adapter);
}

run::NewRun ToNewRun(const RunRequest& request, const ChosenAgent& chosen,
                     const agent::RunSpec& spec, store::Secrets secrets) {
  run::NewRun run;
  static_assert(agent::kMostAttempts == run::kMostAttempts);
  const int by_config = chosen.config.max_attempts.value_or(run::kDefaultMaxAttempts);
  run.max_attempts = request.max_attempts.value_or(by_config);
  run.agent_config_id = chosen.config_id;
  run.agent_name = chosen.config.name;
  run.provider = spec.provider;
  run.dialect = spec.dialect;
  run.prompt = spec.prompt;
  run.spec = ToJson(json::value(agent::ToJson(spec)));
  run.secrets = std::move(secrets);
  run.external = spec.sandbox == kExternalSandbox;
  return run;
}

}  // namespace

Result<agent::Enforceable> FindNoSandbox(const std::string& sandbox) {
  if (sandbox == kNoSandbox) return agent::Enforceable{};
  return Fail(Code::kNotFound, "this server has no sandbox " + sandbox);
}

Result<run::NewRun> MakeRun(const RunRequest& request, const ChosenAgent& chosen,
                            const RunPolicy& policy) {
  const agent::Config& config = chosen.config;
  const agent::Adapter* adapter = agent::FindAdapter(config.provider);
  if (adapter == nullptr)
    return Fail(Code::kBadRequest, "The config's provider is not known here: " + config.provider);
  agent::RunSpec spec = MakeSpec(request, config, *adapter, policy);
  VM0_ASSIGN(ChosenSandbox sandbox, ChooseSandbox(request, config, policy));
  spec.sandbox = std::move(sandbox.name);
  Variables variables = MergeVariables(request, chosen);
  spec.environment = std::move(variables.environment);
  if (spec.sandbox == kExternalSandbox) {
    VM0_TRY(CheckExternal(request));
    // Nobody will ask for them.
    return ToNewRun(request, chosen, spec, {});
  }
  VM0_TRY(CheckSupervised(request, config, *adapter, policy, sandbox.can, spec));
  variables.environment = spec.environment;
  VM0_TRY(CheckCredential(*adapter, variables));
  return ToNewRun(request, chosen, spec, std::move(variables.secrets));
}

}  // namespace vm0::api
