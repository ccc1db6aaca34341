// SPDX-License-Identifier: Apache-2.0
#include "egress/resolver.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace vm0::egress {
namespace {

class SystemResolver final : public Resolver {
 public:
  explicit SystemResolver(asio::io_context& loop) : loop_(loop) {}

  asio::awaitable<Result<std::vector<asio::ip::address>>> Resolve(std::string host) override {
    asio::ip::tcp::resolver resolver(loop_);
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    const auto found = co_await resolver.async_resolve(host, "", token);
    if (error) co_return Fail(Code::kUnreachable, "look up " + host + ": " + error.message());
    std::vector<asio::ip::address> addresses;
    for (const auto& entry : found) addresses.push_back(entry.endpoint().address());
    if (addresses.empty()) co_return Fail(Code::kUnreachable, host + " has no address");
    co_return addresses;
  }

 private:
  asio::io_context& loop_;
};

}  // namespace

std::shared_ptr<Resolver> MakeSystemResolver(asio::io_context& loop) {
  return std::make_shared<SystemResolver>(loop);
}

}  // namespace vm0::egress
