// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace vm0::egress {

namespace asio = boost::asio;

// Looks host names up. Loop thread only.
class Resolver {
 public:
  virtual ~Resolver() = default;
  // At least one address, in the order to try them; kUnreachable naming the host.
  virtual asio::awaitable<Result<std::vector<asio::ip::address>>> Resolve(std::string host) = 0;
};

// The machine's own (getaddrinfo).
std::shared_ptr<Resolver> MakeSystemResolver(asio::io_context& loop);

}  // namespace vm0::egress
