// SPDX-License-Identifier: Apache-2.0
#include "supervisor/network_plan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/adapter.h"
#include "egress/forwarded_request.h"
#include "os/random.h"
#include "sandbox/sandbox.h"

namespace vm0::supervisor {
namespace {

using Variables = std::map<std::string, std::string>;

constexpr std::array<std::string_view, 5> kKinds = {"sk-ant-api03-", "sk-ant-oat01-", "sk-ant-",
                                                    "sk-proj-", "sk-"};
constexpr std::size_t kShortestRandom = 16;
constexpr std::size_t kLengthForShort = 24;

std::string OwnUrl() { return "http://127.0.0.1:" + std::to_string(sandbox::kProxyPort); }

std::string RandomLetters(std::size_t count) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string letters;
  while (letters.size() < count) {
    for (const char c : os::RandomBytes(count)) {
      const auto index = static_cast<unsigned char>(c) & 63U;
      if (index < kLetters.size() && letters.size() < count) letters += kLetters[index];
    }
  }
  return letters;
}

// As the agent would see it: secrets win.
std::string ValueOf(std::string_view name, const agent::RunSpec& spec, const Variables& secrets) {
  const std::string key(name);
  if (const auto secret = secrets.find(key); secret != secrets.end()) return secret->second;
  const auto variable = spec.environment.find(key);
  return variable == spec.environment.end() ? "" : variable->second;
}

Result<http::Endpoint> EndpointOf(const agent::Gateway& told, const agent::RunSpec& spec,
                                  const Variables& secrets) {
  std::string url = ValueOf(told.base_url_variable, spec, secrets);
  if (url.empty()) url = told.default_url;
  auto endpoint = http::Endpoint::Parse(url);
  if (endpoint && endpoint->kind != http::Endpoint::Kind::kUnix && egress::AuthorityOf(*endpoint)) {
    return endpoint;
  }
  return Fail(Code::kBadRequest,
              std::string(told.base_url_variable) + " must be a URL such as https://HOST[:PORT]");
}

// A placeholder that is nobody's secret, and no other credential's placeholder.
std::string NewPlaceholder(const std::string& credential, const Variables& secrets,
                           const egress::Gateway& gateway) {
  for (;;) {
    std::string placeholder = MakePlaceholder(credential);
    const bool is_secret = std::ranges::any_of(
        secrets, [&](const auto& secret) { return secret.second == placeholder; });
    if (placeholder != credential && !is_secret && !gateway.credentials.contains(placeholder)) {
      return placeholder;
    }
  }
}

Status PlanGateway(const agent::Gateway& told, const agent::RunSpec& spec, const Variables& secrets,
                   NetworkPlan& plan) {
  egress::Gateway gateway;
  Variables placeholders;  // by credential: one that is given twice has one
  for (const std::string_view name : told.credential_variables) {
    const std::string credential = ValueOf(name, spec, secrets);
    if (credential.empty()) continue;
    std::string& placeholder = placeholders[credential];
    if (placeholder.empty()) placeholder = NewPlaceholder(credential, secrets, gateway);
    gateway.credentials[placeholder] = credential;
    plan.replaced[std::string(name)] = placeholder;
  }
  if (gateway.credentials.empty()) return {};
  VM0_ASSIGN(gateway.upstream, EndpointOf(told, spec, secrets));
  gateway.reach =
      spec.host_scope ? egress::Gateway::Reach::kAnywhere : egress::Gateway::Reach::kPublic;
  plan.replaced[std::string(told.base_url_variable)] = OwnUrl();
  plan.gateway = std::move(gateway);
  return {};
}

}  // namespace

void NetworkPlan::ApplyTo(Variables& environment) const {
  if (gateway) {
    const egress::Replacer replacer = egress::MakeAnswerReplacer(*gateway);
    for (auto& [name, value] : environment) value = replacer.Replace(value);
  }
  for (const auto& [name, value] : replaced) environment[name] = value;
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}) {
    environment.emplace(name, OwnUrl());
  }
  for (const char* name : {"NO_PROXY", "no_proxy"}) {
    environment.emplace(name, "localhost,127.0.0.1,::1");
  }
  environment.emplace("NODE_USE_ENV_PROXY", "1");
}

Result<NetworkPlan> PlanNetwork(const agent::RunSpec& spec, const Variables& secrets) {
  const agent::Adapter* adapter = agent::FindAdapter(spec.provider);
  if (adapter == nullptr) {
    return Fail(Code::kBadRequest, "provider \"" + spec.provider + "\" is unknown to this runner");
  }
  std::vector<std::string> allow = spec.allow;
  for (const std::string_view rule : adapter->needed_hosts()) allow.emplace_back(rule);
  NetworkPlan plan;
  VM0_ASSIGN(plan.rules, egress::Rules::Parse(allow, spec.deny));
  if (const auto told = adapter->gateway()) VM0_TRY(PlanGateway(*told, spec, secrets, plan));
  return plan;
}

std::string MakePlaceholder(std::string_view credential) {
  if (credential.size() < egress::Gateway::kShortest) return RandomLetters(kLengthForShort);
  for (const std::string_view kind : kKinds) {
    if (credential.starts_with(kind) && credential.size() >= kind.size() + kShortestRandom) {
      return std::string(kind) + RandomLetters(credential.size() - kind.size());
    }
  }
  return RandomLetters(credential.size());
}

}  // namespace vm0::supervisor
