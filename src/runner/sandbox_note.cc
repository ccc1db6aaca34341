// SPDX-License-Identifier: Apache-2.0
#include "runner/sandbox_note.h"

#include <array>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "os/file.h"

namespace vm0::runner {
namespace {

using State = SandboxNote::State;

constexpr std::int64_t kVersion = 1;
constexpr std::array<std::pair<State, std::string_view>, 4> kStates = {{
    {State::kMade, "made"},
    {State::kLaunched, "launched"},
    {State::kCollected, "collected"},
    {State::kGone, "gone"},
}};

std::string_view NameOf(State state) {
  for (const auto& [known, name] : kStates) {
    if (known == state) return name;
  }
  return "";
}

std::optional<State> FindState(std::string_view name) {
  for (const auto& [state, known] : kStates) {
    if (known == name) return state;
  }
  return std::nullopt;
}

std::optional<SandboxNote> Parse(const json::object& object) {
  const auto version = IntField(object, "v");
  const auto attempt = IntField(object, "attempt");
  const auto id = StringMember(object, "sandboxId");
  const auto state = FindState(StringMember(object, "state").value_or(""));
  const bool is_whole = version && *version == kVersion && attempt && *attempt && id && state;
  if (!is_whole) return std::nullopt;
  return SandboxNote{
      .attempt = static_cast<int>(**attempt),
      .sandbox = {.id = std::string(*id),
                  .domain = std::string(StringMember(object, "domain").value_or("")),
                  .access_token = std::string(StringMember(object, "accessToken").value_or(""))},
      .state = *state,
      .has_workspace = BoolField(object, "hasWorkspace").value_or(std::nullopt).value_or(false)};
}

}  // namespace

std::filesystem::path SandboxNotePath(const supervisor::RunDir& dir) {
  return dir.path() / "sandbox.json";
}

Result<std::optional<SandboxNote>> ReadSandboxNote(const supervisor::RunDir& dir) {
  const auto path = SandboxNotePath(dir);
  const auto text = os::ReadFile(path);
  if (!text && text.error().code == Code::kNotFound) return std::nullopt;
  if (!text) return Fail(text.error());
  const auto object = ParseJsonObject(*text, "sandbox.json");
  auto note = object ? Parse(*object) : std::nullopt;
  if (!note) return Fail(Code::kIo, path.string() + ": is no note of this version of vm0");
  return note;
}

Status WriteSandboxNote(const supervisor::RunDir& dir, const SandboxNote& note) {
  const json::object object{{"v", kVersion},
                            {"attempt", note.attempt},
                            {"provider", "e2b"},
                            {"sandboxId", note.sandbox.id},
                            {"domain", note.sandbox.domain},
                            {"accessToken", note.sandbox.access_token},
                            {"state", NameOf(note.state)},
                            {"hasWorkspace", note.has_workspace}};
  return os::WriteFileAtomic(SandboxNotePath(dir), ToPrettyJson(json::value(object)) + "\n");
}

}  // namespace vm0::runner
