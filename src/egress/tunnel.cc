// SPDX-License-Identifier: Apache-2.0
#include "egress/tunnel.h"

namespace vm0::egress {
namespace {

constexpr Seconds kIdleLimit{3600};

}  // namespace

Tunnel::Tunnel(Parts parts)
    : parts_(parts), idle_(parts.clock, kIdleLimit, [this] { Break(); }), upward_(parts.executor) {}

asio::awaitable<void> Tunnel::Run() {
  upward_.Spawn(Upward());
  co_await Downward();
  co_await upward_.Join();
}

asio::awaitable<void> Tunnel::Upward() {
  std::string& input = parts_.agent.input();  // may hold what came behind the request
  for (;;) {
    if (!input.empty()) {
      const auto written = co_await parts_.server.Write(input, "");
      if (!written) co_return Break();
      parts_.entry.sent += static_cast<std::int64_t>(input.size());
      input.clear();
      idle_.Touch();
    }
    const auto count = co_await parts_.agent.Read();
    if (!count) co_return Break();
    if (*count == 0) co_return parts_.server.EndWriting();
  }
}

asio::awaitable<void> Tunnel::Downward() {
  std::string output;
  for (;;) {
    output.clear();
    const auto count = co_await parts_.server.Read(output);
    if (!count) co_return Break();
    if (*count == 0) co_return parts_.agent.EndWriting();
    const auto written = co_await parts_.agent.Write(output);
    if (!written) co_return Break();
    parts_.entry.received += static_cast<std::int64_t>(output.size());
    idle_.Touch();
  }
}

void Tunnel::Break() {
  parts_.agent.Close();
  parts_.server.Close();
}

}  // namespace vm0::egress
