// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <string>

#include "egress/proxy.h"
#include "supervisor/network_log.h"
#include "supervisor/network_plan.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// The network of one run with an allow-list: its proxy, from the moment that the box hands the
// listener over to the run's end. Loop thread only; what it is made of outlives it.
class Network {
 public:
  struct Parts {
    asio::io_context& loop;
    os::Clock& clock;
    Log& log;
    Journal& journal;
    std::function<void()> recorded;  // called after each event
  };
  Network(Parts parts, NetworkPlan plan);

  // Before the box starts.
  void ApplyTo(std::map<std::string, std::string>& environment) const {
    plan_.ApplyTo(environment);
  }
  // Takes the box's proxy_channel over.
  void ListenOn(os::Fd& proxy_channel);
  // Ends all connections; their events are in the journal when it returns, and none comes after.
  void Stop();

 private:
  egress::Proxy::Options MakeOptions();
  void TakeListener();

  Parts parts_;
  NetworkPlan plan_;
  NetworkLog network_log_;
  egress::Proxy proxy_;
  asio::posix::stream_descriptor channel_;
};

}  // namespace vm0::supervisor
