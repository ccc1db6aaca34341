// SPDX-License-Identifier: Apache-2.0
#include "agent/command_adapter.h"

#include "agent/plain_dialect.h"

namespace vm0::agent {
namespace {

class AnyCommand final : public Adapter {
 public:
  std::string_view name() const override { return "command"; }
  std::string_view display_name() const override { return "command"; }
  std::string_view program() const override { return ""; }
  const Dialect& default_dialect() const override { return PlainDialect(); }

  Launch Command(const LaunchRequest& request) const override {
    Launch launch{.argv = request.command, .environment = {{"VM0_PROMPT", request.prompt}}};
    launch.argv.push_back(request.prompt);
    return launch;
  }

  std::vector<std::string_view> credential_variables() const override { return {}; }
  bool HasCredential(const std::vector<std::string>&) const override { return true; }
  std::optional<Gateway> gateway() const override { return std::nullopt; }
  std::vector<std::string_view> needed_hosts() const override { return {}; }
  std::string_view credential_remedy() const override { return ""; }
};

}  // namespace

const Adapter& CommandAdapter() {
  static const AnyCommand adapter;
  return adapter;
}

}  // namespace vm0::agent
