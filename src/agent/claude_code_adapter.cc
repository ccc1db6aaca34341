// SPDX-License-Identifier: Apache-2.0
#include "agent/claude_code_adapter.h"

#include <algorithm>
#include <array>
#include <string>

#include "agent/claude_code_dialect.h"

namespace vm0::agent {
namespace {

constexpr std::string_view kBaseUrl = "ANTHROPIC_BASE_URL";

// 2.0.45 runs a subcommand if the prompt is its name, even after "--".
constexpr auto kSubcommands = std::to_array<std::string_view>(
    {"agents",      "attach",  "auth",    "auto-mode", "config", "doctor",      "gateway",
     "help",        "import",  "install", "kill",      "logs",   "mcp",         "migrate-installer",
     "plugin",      "plugins", "purge",   "respawn",   "rm",     "setup-token", "stop",
     "ultrareview", "update",  "upgrade"});

// A line break at the end makes it a prompt again; the model does not mind.
std::string PromptArgument(const std::string& prompt) {
  return std::ranges::find(kSubcommands, prompt) != kSubcommands.end() ? prompt + "\n" : prompt;
}

class ClaudeCode final : public Adapter {
 public:
  std::string_view name() const override { return "claude-code"; }
  std::string_view display_name() const override { return "Claude Code"; }
  std::string_view program() const override { return "claude"; }
  const Dialect& default_dialect() const override { return ClaudeCodeDialect(); }

  Launch Command(const LaunchRequest& request) const override {
    Launch launch;
    launch.argv = {request.binary, "-p", "--verbose", "--output-format", "stream-json"};
    if (request.partial) launch.argv.push_back("--include-partial-messages");
    launch.argv.push_back("--dangerously-skip-permissions");
    // Without it a prompt that starts with '-' is an option.
    launch.argv.push_back("--");
    launch.argv.push_back(PromptArgument(request.prompt));
    launch.environment = {
        {"DISABLE_AUTOUPDATER", "1"},
        {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"},
        // Allows --dangerously-skip-permissions to uid 0.
        {"IS_SANDBOX", "1"},
    };
    return launch;
  }

  std::vector<std::string_view> credential_variables() const override {
    return {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", kBaseUrl};
  }

  bool HasCredential(const std::vector<std::string>& names) const override {
    return std::ranges::any_of(credential_variables(), [&](std::string_view variable) {
      return variable != kBaseUrl && std::ranges::find(names, variable) != names.end();
    });
  }

  std::optional<Gateway> gateway() const override {
    return Gateway{.base_url_variable = kBaseUrl,
                   .default_url = "https://api.anthropic.com",
                   .credential_variables = {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
                                            "CLAUDE_CODE_OAUTH_TOKEN"}};
  }
  std::vector<std::string_view> needed_hosts() const override { return {}; }

  std::string_view credential_remedy() const override {
    return "Run `claude setup-token` and set CLAUDE_CODE_OAUTH_TOKEN to the token it prints, or "
           "set "
           "ANTHROPIC_API_KEY.";
  }
};

}  // namespace

const Adapter& ClaudeCodeAdapter() {
  static const ClaudeCode adapter;
  return adapter;
}

}  // namespace vm0::agent
