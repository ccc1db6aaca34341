// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "cli/exit.h"
#include "os/process.h"

namespace vm0::cli {

int Session::Run(Context& context, Main main) {
  auto self = os::OpenSelf();
  if (!self) return ReportError(context.output, "Can't find our own program", self.error());
  Session session(context);
  const Status connected = session.Connect(self->get());
  if (!connected) return ReportError(context.output, "No server", connected.error());
  asio::co_spawn(session.loop_, session.Do(main), asio::detached);
  session.loop_.run();
  return session.exit_code_;
}

Status Session::Connect(int self_fd) {
  VM0_ASSIGN(clock_, os::MakeClock(loop_, "cli"));
  Config config;
  if (const auto path = ConfigPath(environment())) {
    VM0_ASSIGN(config, LoadConfig(*path));
  }
  VM0_ASSIGN(auto address, FindServer(environment(), config));
  const LocalServer::Parts parts{.loop = loop_,
                                 .clock = *clock_,
                                 .output = context_.output,
                                 .environment = context_.environment,
                                 .self_fd = self_fd};
  VM0_ASSIGN(connection_, Connection::Make(parts, std::move(address)));
  return {};
}

asio::awaitable<void> Session::Do(Main& main) {
  const Status opened = co_await connection_->Open();
  if (!opened) {
    Leave(ReportError(output(), "No server", opened.error()));
    co_return;
  }
  auto command = main(*this);
  const int exit_code = co_await std::move(command);
  Leave(exit_code);
}

void Session::Leave(int exit_code) {
  if (!std::exchange(left_, true)) exit_code_ = exit_code;
  loop_.stop();
}

}  // namespace vm0::cli
