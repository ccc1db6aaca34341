// SPDX-License-Identifier: Apache-2.0
#include "cli/run_options.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "agent/templates.h"
#include "base/host_rule.h"
#include "base/text.h"

namespace vm0::cli {
namespace {

constexpr std::int64_t kMinIntervalMs = 10;
constexpr std::int64_t kMaxIntervalMs = 3'600'000;

// "--secret NAME" is looked for later, so that its value is in no argument list.
Status ReadSecret(const std::string& text, RunOptions& options) {
  if (text.find('=') == std::string::npos) {
    if (!agent::IsReferenceName(text))
      return Fail(Code::kBadRequest, "--secret needs a name of letters, digits and _: " + text);
    options.named_secrets.push_back(text);
    return {};
  }
  auto assignment = ParseAssignment(text);
  if (!assignment)
    return Fail(Code::kBadRequest, "Invalid secret format: " + text.substr(0, text.find('=')) +
                                       "=… (expected name=value, or name alone to take it from "
                                       "the environment, .env or vm0 secret)");
  options.secrets.insert_or_assign(std::move(assignment->first), std::move(assignment->second));
  return {};
}

Result<std::string> OneOf(const std::optional<std::string>& value, const std::string& option,
                          const std::vector<std::string>& allowed) {
  if (!value) return std::string();
  if (std::ranges::find(allowed, *value) != allowed.end()) return *value;
  return Fail(Code::kBadRequest,
              option + " must be one of " + Join(allowed, ", ") + ", not \"" + *value + "\"");
}

Result<std::optional<client::Transport>> ReadTransport(const std::optional<std::string>& option,
                                                       const Environment& environment) {
  const auto name = option ? option : environment.FindNonEmpty("VM0_TRANSPORT");
  if (!name) return std::nullopt;
  const auto transport = client::FindTransport(*name);
  if (transport) return transport;
  return Fail(Code::kBadRequest, std::string(option ? "--transport" : "VM0_TRANSPORT") +
                                     " must be one of sse, ws, long-poll, poll, not \"" + *name +
                                     "\"");
}

Result<std::optional<Micros>> ReadPause(std::optional<std::int64_t> option,
                                        const Environment& environment, const std::string& name) {
  const auto text = environment.FindNonEmpty(name);
  if (text && !option) {
    option = ParseInt(*text);
    if (!option || *option < kMinIntervalMs)
      return Fail(Code::kBadRequest,
                  name + " must be a number of milliseconds, 10 or more, not \"" + *text + "\"");
  }
  if (!option) return std::nullopt;
  return Micros(Millis(std::min(*option, kMaxIntervalMs)));
}

}  // namespace

Result<std::pair<std::string, std::string>> ParseAssignment(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    return Fail(Code::kBadRequest, "Invalid env var format: " + text + " (expected key=value)");
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Result<agent::Workspace> ParseWorkspace(const std::string& text) {
  using Mode = agent::Workspace::Mode;
  agent::Workspace workspace{.mode = Mode::kCopy, .path = text};
  const auto colon = text.rfind(':');
  if (colon != std::string::npos) {
    const auto mode = agent::FindWorkspaceMode(std::string_view(text).substr(colon + 1));
    if (mode && *mode != Mode::kFresh) workspace = {.mode = *mode, .path = text.substr(0, colon)};
  }
  if (workspace.path.empty())
    return Fail(Code::kBadRequest, "-w needs a folder: -w DIR, -w DIR:ro or -w DIR:rw");
  return workspace;
}

void FetchArguments::Declare(ArgumentParser& parser) {
  parser.Text("--transport", transport, "NAME",
              "How events come: sse, ws, long-poll or poll (default: sse, else what works; or "
              "VM0_TRANSPORT)");
  parser.Number("--poll-interval", interval_ms, kMinIntervalMs, "MS",
                "Pause of a poll after news (default 250, or VM0_POLL_INTERVAL)");
  parser.Number("--poll-max", max_ms, kMinIntervalMs, "MS",
                "Longest pause when nothing happens (default 5000, or VM0_POLL_MAX)");
}

Result<FetchOptions> FetchArguments::Read(const Environment& environment) const {
  FetchOptions options;
  VM0_ASSIGN(options.transport, ReadTransport(transport, environment));
  VM0_ASSIGN(const auto interval, ReadPause(interval_ms, environment, "VM0_POLL_INTERVAL"));
  VM0_ASSIGN(const auto longest, ReadPause(max_ms, environment, "VM0_POLL_MAX"));
  options.interval = interval.value_or(options.interval);
  options.interval_max = std::max(options.interval, longest.value_or(options.interval_max));
  return options;
}

ShowOptions ShowArguments::Read() const {
  ShowOptions options{.full = full, .verbose = verbose};
  if (json) options.format = Format::kJson;
  if (raw) options.format = Format::kRaw;
  if (quiet) options.format = Format::kNone;
  return options;
}

Result<std::vector<std::string>> Rules(std::string_view option, std::vector<std::string> rules) {
  for (const std::string& rule : rules) {
    if (const auto parsed = ParseHostRule(rule); !parsed)
      return Fail(Code::kBadRequest, std::string(option) + ": " + parsed.error().message);
  }
  return rules;
}

void RunArguments::Declare(ArgumentParser& parser) {
  parser.Positional("agent", agent, Need::kRequired,
                    "A built-in agent (claude-code), a config's name or id, or a YAML file");
  parser.Positional("prompt", prompt, Need::kRequired, "What the agent is asked to do");
  parser.List(
      "-e,--env", environment, "K=V",
      "A variable for the agent; names ending in KEY, TOKEN, SECRET or PASSWORD are secrets");
  parser.List("--secret", secrets, "K[=V]",
              "A secret; without value: of the environment, .env or `vm0 secret`");
  parser.List("--var", vars, "K=V", "What ${{ vars.K }} of the config stands for");
  parser.Text("--env-file", env_file, "FILE",
              "Where values are looked for after the environment (default: .env)");
  parser.Text("-w,--workspace", workspace, "DIR[:copy|:ro|:rw]",
              "The folder to work on; a copy of it unless :rw");
  parser.Flag("-d,--detach", detach, "Print the run's id and leave");
  parser.Text("--timeout", timeout, "DURATION", "End the run after 30m, 2h, 90 (seconds)");
  parser.Text("--sandbox", sandbox, "NAME",
              "How the agent is isolated: bubblewrap (default), e2b (in the cloud), none");
  parser.Text("--network", network, "NAME", "none, allowlist or full");
  parser.List("--allow", allow, "RULE",
              "A host that the agent may reach, as example.com:443; in place of the config's list");
  parser.Flag("--partial", partial, "Show text while it is written");
  parser.Flag("--full", show.full, "Cut nothing");
  parser.Flag("--json", show.json, "One event a line, as the API gives it");
  parser.Flag("--raw", show.raw, "The agent's stdout, byte for byte");
  parser.Flag("--quiet", show.quiet, "Print nothing but errors");
  parser.Exclusive({"--full", "--json", "--raw", "--quiet"});
  parser.Flag("-v,--verbose", show.verbose, "Show the time between events");
  fetch.Declare(parser);
}

Result<RunOptions> RunArguments::Read(const Environment& ours) const {
  RunOptions options;
  options.agent = agent;
  options.prompt = prompt;
  if (agent.empty()) return Fail(Code::kBadRequest, "The agent's name must not be empty");
  if (prompt.empty()) return Fail(Code::kBadRequest, "The prompt must not be empty");
  for (const auto& text : environment) {
    VM0_ASSIGN(auto assignment, ParseAssignment(text));
    options.environment.insert_or_assign(std::move(assignment.first), std::move(assignment.second));
  }
  for (const auto& text : secrets) VM0_TRY(ReadSecret(text, options));
  for (const auto& text : vars) {
    auto assignment = ParseAssignment(text);
    if (!assignment)
      return Fail(Code::kBadRequest, "Invalid --var format: " + text + " (expected name=value)");
    options.vars.insert_or_assign(std::move(assignment->first), std::move(assignment->second));
  }
  if (env_file && env_file->empty()) return Fail(Code::kBadRequest, "--env-file needs a file");
  options.env_file = env_file.value_or("");
  if (workspace) {
    VM0_ASSIGN(options.workspace, ParseWorkspace(*workspace));
  }
  if (timeout) {
    auto parsed = ParseDuration(*timeout);
    if (!parsed) return Fail(Code::kBadRequest, "--timeout: " + parsed.error().message);
    if (*parsed > agent::kMaxTimeout)
      return Fail(Code::kBadRequest,
                  "--timeout must be at most " + FormatDuration(agent::kMaxTimeout));
    options.timeout = *parsed;
  }
  if (sandbox && sandbox->empty()) return Fail(Code::kBadRequest, "--sandbox needs a name");
  options.sandbox = sandbox.value_or("");
  VM0_ASSIGN(options.network, OneOf(network, "--network", {"none", "allowlist", "full"}));
  VM0_ASSIGN(options.allow, Rules("--allow", allow));
  options.detach = detach;
  options.partial = partial;
  options.show = show.Read();
  VM0_ASSIGN(options.fetch, fetch.Read(ours));
  options.fetch.verbose = show.verbose;
  return options;
}

}  // namespace vm0::cli
