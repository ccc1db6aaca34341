// SPDX-License-Identifier: Apache-2.0
#include "api/config_references.h"

#include <utility>
#include <vector>

#include "agent/templates.h"
#include "base/text.h"

namespace vm0::api {
namespace {

using Texts = std::map<std::string, std::string>;

const std::string* Find(const Texts& texts, const std::string& name) {
  const auto found = texts.find(name);
  return found == texts.end() ? nullptr : &found->second;
}

Result<std::optional<std::string>> FindSecret(const Call& call, const RunRequest& request,
                                              const std::string& name) {
  if (const std::string* value = Find(request.secrets, name)) return *value;
  if (const std::string* value = Find(request.config_secrets, name)) return *value;
  return FindStoredSecret(call, name);
}

Result<agent::ReferenceValues> ValuesOf(const Call& call, const RunRequest& request,
                                        const agent::References& references) {
  agent::ReferenceValues values;
  std::vector<std::string> missing_vars;
  std::vector<std::string> missing_secrets;
  for (const std::string& name : references.vars) {
    if (const std::string* value = Find(request.vars, name)) {
      values.vars.emplace(name, *value);
    } else {
      missing_vars.push_back(name);
    }
  }
  for (const std::string& name : references.secrets) {
    VM0_ASSIGN(auto value, FindSecret(call, request, name));
    if (value) {
      values.secrets.emplace(name, *std::move(value));
    } else {
      missing_secrets.push_back(name);
    }
  }
  if (missing_vars.empty() && missing_secrets.empty()) return values;
  return Fail(Code::kBadRequest, DescribeMissing(missing_secrets, missing_vars));
}

std::string Each(const std::vector<std::string>& names, std::string_view before,
                 std::string_view after) {
  std::vector<std::string> texts;
  for (const std::string& name : names)
    texts.push_back(std::string(before) + name + std::string(after));
  return Join(texts, ", ");
}

}  // namespace

Result<std::optional<std::string>> FindStoredSecret(const Call& call, const std::string& name) {
  VM0_ASSIGN(const auto secret, call.reader().runs.FindSecret(call.principal.user_id, name));
  if (!secret) return std::nullopt;
  VM0_ASSIGN(store::Secrets values, call.context.parts.box.Unseal(secret->sealed));
  const auto found = values.find(name);
  if (found == values.end()) return Fail(Code::kIo, "secret " + name + ": damaged in the store");
  return std::move(found->second);
}

std::string DescribeMissing(const std::vector<std::string>& secrets,
                            const std::vector<std::string>& vars) {
  std::string text;
  if (!secrets.empty())
    text = "Missing secrets: " + Join(secrets, ", ") +
           ". Set them with: " + Each(secrets, "vm0 secret set ", "");
  if (!vars.empty())
    text += std::string(text.empty() ? "" : ". ") + "Missing variables: " + Join(vars, ", ") +
            ". Give them with: " + Each(vars, "--var ", "=VALUE");
  return text;
}

Result<ChosenAgent> ChooseConfig(const Call& call, const store::AgentConfig& row,
                                 const RunRequest& request) {
  VM0_ASSIGN(json::value config, ParseJson(row.config));
  const auto failed = [&row](const Error& error) {
    return Fail(Code::kBadRequest, "Config " + row.name + ": " + error.message);
  };
  const auto references = agent::FindReferences(config);
  if (!references) return failed(references.error());
  ChosenAgent chosen;
  chosen.config_id = row.id;
  if (!references->empty()) {
    VM0_ASSIGN(const auto values, ValuesOf(call, request, *references));
    auto expansion = agent::ExpandReferences(std::move(config), values);
    config = std::move(expansion.config);
    chosen.secret_variables = std::move(expansion.secret_variables);
    chosen.secrets = values.secrets;
  }
  auto parsed = agent::ParseConfig(config);
  if (!parsed) return failed(parsed.error());
  chosen.config = *std::move(parsed);
  return chosen;
}

}  // namespace vm0::api
