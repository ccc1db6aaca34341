// SPDX-License-Identifier: Apache-2.0
#include "agent/templates.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "base/text.h"

namespace vm0::agent {
namespace {

constexpr std::string_view kBegin = "${{";
constexpr std::string_view kEnd = "}}";
constexpr std::size_t kMaxNameBytes = 255;

// Where in a config a value stands.
struct Place {
  enum class Kind { kFixed, kEnvironment, kElsewhere };
  Kind kind;
  std::string path;  // "agent.environment.TOKEN"
  std::string name;  // its last part
};

bool HasReference(std::string_view text) { return text.find(kBegin) != std::string_view::npos; }

// One "${{ … }}" at the start of a text.
struct Reference {
  bool is_secret;
  std::string name;
  std::size_t size;
};

std::optional<Reference> ReferenceAt(std::string_view text) {
  const std::size_t end = text.find(kEnd);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view inner = TrimAscii(text.substr(kBegin.size(), end - kBegin.size()));
  const std::size_t dot = inner.find('.');
  const std::string_view kind = inner.substr(0, dot);
  if (dot == std::string_view::npos || (kind != "secrets" && kind != "vars")) return std::nullopt;
  const std::string_view name = inner.substr(dot + 1);
  if (!IsReferenceName(name)) return std::nullopt;
  return Reference{kind == "secrets", std::string(name), end + kEnd.size()};
}

using Visitor = std::function<Status(json::string& text, const Place& place)>;

// Calls `visitor` for each string with a reference in or below `value`.
Status Visit(json::value& value, const Place& place, const Visitor& visitor) {
  if (value.is_string()) {
    return HasReference(value.get_string()) ? visitor(value.get_string(), place) : Status();
  }
  if (value.is_array()) {
    for (json::value& element : value.get_array()) VM0_TRY(Visit(element, place, visitor));
  } else if (value.is_object()) {
    for (auto& member : value.get_object()) {
      const std::string name(member.key());
      VM0_TRY(Visit(member.value(), {place.kind, place.path + "." + name, name}, visitor));
    }
  }
  return {};
}

Status VisitAgent(json::object& agent, const Visitor& visitor) {
  for (auto& member : agent) {
    const std::string name(member.key());
    Place place{Place::Kind::kElsewhere, "agent." + name, name};
    if (name == "environment") place.kind = Place::Kind::kEnvironment;
    if (name == "name" || name == "provider") place.kind = Place::Kind::kFixed;
    VM0_TRY(Visit(member.value(), place, visitor));
  }
  return {};
}

Status VisitConfig(json::value& config, const Visitor& visitor) {
  if (!config.is_object()) return {};
  for (auto& member : config.get_object()) {
    const std::string name(member.key());
    json::value& value = member.value();
    if (name == "agent" && value.is_object()) {
      VM0_TRY(VisitAgent(value.get_object(), visitor));
    } else if (name == "agents" && value.is_object()) {
      for (auto& agent : value.get_object()) {
        if (agent.value().is_object()) VM0_TRY(VisitAgent(agent.value().get_object(), visitor));
      }
    } else {
      const auto kind = name == "version" ? Place::Kind::kFixed : Place::Kind::kElsewhere;
      VM0_TRY(Visit(value, {kind, name, name}, visitor));
    }
  }
  return {};
}

std::unexpected<Error> Refuse(const Place& place, std::string_view rule) {
  return Fail(Code::kBadRequest, place.path + " " + std::string(rule));
}

Status CollectFrom(std::string_view text, const Place& place, References& references) {
  for (std::size_t at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin)) {
    text.remove_prefix(at);
    const auto reference = ReferenceAt(text);
    if (!reference) {
      return Refuse(place, "has a ${{ that is neither ${{ vars.NAME }} nor ${{ secrets.NAME }}");
    }
    if (place.kind == Place::Kind::kFixed) return Refuse(place, "can't have a ${{ }}");
    if (reference->is_secret && place.kind != Place::Kind::kEnvironment) {
      return Refuse(place, "can't have a secret: ${{ secrets." + reference->name +
                               " }} is for values of agent.environment, where the agent finds it");
    }
    (reference->is_secret ? references.secrets : references.vars).insert(reference->name);
    text.remove_prefix(reference->size);
  }
  return {};
}

// The text with its references replaced; whether a secret is among them.
std::pair<std::string, bool> Replaced(std::string_view text, const ReferenceValues& values) {
  std::pair<std::string, bool> replaced;
  for (;;) {
    const std::size_t at = text.find(kBegin);
    replaced.first += text.substr(0, at);
    if (at == std::string_view::npos) return replaced;
    text.remove_prefix(at);
    const Reference reference = *ReferenceAt(text);
    replaced.first += (reference.is_secret ? values.secrets : values.vars).at(reference.name);
    replaced.second = replaced.second || reference.is_secret;
    text.remove_prefix(reference.size);
  }
}

bool IsReferring(const json::value& value) {
  return value.is_string() && HasReference(value.get_string());
}

// Takes out what can't be checked yet.
void Reduce(json::object& agent) {
  for (const std::string_view name : {"dialect", "binary", "working_dir", "sandbox", "network"}) {
    if (const json::value* value = Member(agent, name); value && IsReferring(*value))
      agent.erase(name);
  }
  if (json::value* allow = agent.if_contains("allow"); allow && allow->is_array()) {
    json::array kept;
    for (const json::value& entry : allow->get_array())
      if (!IsReferring(entry)) kept.push_back(entry);
    *allow = std::move(kept);
  }
  if (json::value* limits = agent.if_contains("limits"); limits && limits->is_object()) {
    json::object kept;
    for (const auto& [name, limit] : limits->get_object())
      if (!IsReferring(limit)) kept.emplace(name, limit);
    *limits = std::move(kept);
  }
}

// The one agent of a config of either form; nullptr when there is none.
json::object* AgentOf(json::value& config) {
  if (!config.is_object()) return nullptr;
  json::object& object = config.get_object();
  if (json::value* agent = object.if_contains("agent")) return agent->if_object();
  json::value* agents = object.if_contains("agents");
  if (agents == nullptr || !agents->is_object() || agents->get_object().empty()) return nullptr;
  return agents->get_object().begin()->value().if_object();
}

}  // namespace

bool IsReferenceName(std::string_view name) {
  const auto is_part = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= kMaxNameBytes && (name[0] < '0' || name[0] > '9') &&
         std::ranges::all_of(name, is_part);
}

Result<References> FindReferences(const json::value& config) {
  References references;
  json::value copy = config;
  VM0_TRY(VisitConfig(copy, [&references](const json::string& text, const Place& place) {
    return CollectFrom(text, place, references);
  }));
  return references;
}

Result<Config> ParseConfigTemplate(const json::value& value) {
  VM0_ASSIGN(const References references, FindReferences(value));
  if (references.empty()) return ParseConfig(value);
  json::value reduced = value;
  json::object* agent = AgentOf(reduced);
  std::string binary;
  if (agent != nullptr) {
    binary = StringMember(*agent, "binary").value_or("");
    Reduce(*agent);
  }
  VM0_ASSIGN(Config config, ParseConfig(reduced));
  config.binary = std::move(binary);
  return config;
}

Expansion ExpandReferences(json::value config, const ReferenceValues& values) {
  Expansion expansion;
  (void)VisitConfig(config, [&](json::string& text, const Place& place) {
    const auto [replaced, is_secret] = Replaced(text, values);
    text = replaced;
    if (is_secret) expansion.secret_variables.insert(place.name);
    return Status();
  });
  expansion.config = std::move(config);
  return expansion;
}

}  // namespace vm0::agent
