// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_rule.h"
#include "base/result.h"

namespace vm0::egress {

// Where an agent may connect to. Format of one rule: base/host_rule.h, docs/network.md.
//   example.com:443     that host, that port
//   example.com         that host, ports 80 and 443
//   example.com:*       that host, every port
//   *.example.com:443   every host below it, not itself
//   10.1.2.3:5432, [fd00::1]:443, 10.0.0.0/8:443    addresses; name private ones
// Hosts are compared in lower case without a dot at the end. A host name that is allowed is still
// refused when it resolves to an address that is not public (loopback, private, link-local, shared,
// multicast, reserved, IPv4 in IPv6 forms of these) and that no address rule names for that port.
// The addresses of cloud metadata services must be named as such, not by a wider network.
class Rules {
 public:
  Rules() = default;  // nothing is allowed
  // kBadRequest naming the rule and what is wrong with it. `deny` wins over `allow`;
  // a rule of it without a port denies every port.
  static Result<Rules> Parse(const std::vector<std::string>& allow,
                             const std::vector<std::string>& deny);

  // Before resolving: whether the agent may ask for this host (a name, or an address literal
  // without brackets). kForbidden with the reason, for people.
  Status CheckHost(std::string_view host, std::uint16_t port) const;
  // After resolving: whether it may be connected to this address for that host.
  Status CheckAddress(std::string_view host, const boost::asio::ip::address& address,
                      std::uint16_t port) const;

 private:
  std::vector<HostRule> allow_;
  std::vector<HostRule> deny_;
};

// IPv4 as ::ffff:a.b.c.d.
AddressBytes BytesOf(const boost::asio::ip::address& address);

// Whether it is an address of the public internet.
bool IsPublic(const boost::asio::ip::address& address);

}  // namespace vm0::egress
