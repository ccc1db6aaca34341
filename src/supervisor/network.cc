// SPDX-License-Identifier: Apache-2.0
#include "supervisor/network.h"

#include <utility>

#include "sandbox/sandbox.h"

namespace vm0::supervisor {

Network::Network(Parts parts, NetworkPlan plan)
    : parts_(std::move(parts)),
      plan_(std::move(plan)),
      network_log_(parts_.clock, parts_.journal, parts_.recorded),
      proxy_(parts_.loop, parts_.clock, MakeOptions()),
      channel_(parts_.loop) {}

egress::Proxy::Options Network::MakeOptions() {
  egress::Proxy::Options options;
  options.rules = plan_.rules;
  options.gateway = plan_.gateway;
  options.log = [this](const egress::Entry& entry) { network_log_.Add(entry); };
  options.ready = [&journal = parts_.journal] { return journal.Ready(); };
  return options;
}

void Network::ListenOn(os::Fd& proxy_channel) {
  if (!proxy_channel.is_open()) return parts_.log.Write("the box has no proxy");
  channel_.assign(proxy_channel.Release());
  channel_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (!error) TakeListener();
                      });
}

void Network::TakeListener() {
  auto listener = sandbox::ReceiveProxyListener(channel_.native_handle());
  boost::system::error_code ignored;
  channel_.close(ignored);
  if (!listener) return parts_.log.Write(listener.error().message);
  proxy_.Serve(std::move(*listener));
}

void Network::Stop() {
  boost::system::error_code ignored;
  channel_.close(ignored);
  proxy_.Stop();
  network_log_.Flush();
}

}  // namespace vm0::supervisor
