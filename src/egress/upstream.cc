// SPDX-License-Identifier: Apache-2.0
#include "egress/upstream.h"

#include "base/host_rule.h"

namespace vm0::egress {
namespace {

// With the TLS handshake; for each address.
constexpr Seconds kConnectPatience{10};
constexpr std::size_t kMaxAddresses = 3;

std::vector<asio::ip::address> Passing(const std::vector<asio::ip::address>& addresses,
                                       const Upstream::Check& check, Status& status) {
  std::vector<asio::ip::address> passing;
  for (const auto& address : addresses) {
    const auto checked = check(address);
    if (checked && passing.size() < kMaxAddresses) passing.push_back(address);
    if (!checked && status) status = checked;
  }
  return passing;
}

}  // namespace

asio::awaitable<Result<std::shared_ptr<http::Connection>>> Upstream::Connect(http::Dialer& dialer,
                                                                             Authority authority,
                                                                             Check check) {
  const auto found = co_await Resolve(authority.host);
  if (!found) co_return Fail(found.error());
  Status status;
  const auto addresses = Passing(*found, check, status);
  for (const auto& address : addresses) {
    if (closed_) break;
    connection_ = dialer.Dial(asio::ip::tcp::endpoint(address, authority.port));
    status = co_await ConnectOne(authority);
    if (status) co_return connection_;
  }
  if (status) status = Fail(Code::kUnreachable, "the run has ended");
  co_return Fail(status.error());
}

void Upstream::Close() {
  closed_ = true;
  if (connection_) connection_->Close();
}

asio::awaitable<Result<std::vector<asio::ip::address>>> Upstream::Resolve(const std::string& host) {
  boost::system::error_code error;
  const auto literal = asio::ip::make_address(host, error);
  if (!error) co_return std::vector{literal};
  std::string name = host;
  co_return co_await resolver_.Resolve(std::move(name));
}

asio::awaitable<Status> Upstream::ConnectOne(const Authority& authority) {
  bool late = false;
  const os::Timer patience(clock_, clock_.Now() + kConnectPatience, [this, &late] {
    late = true;
    connection_->Close();
  });
  const auto status = co_await connection_->Connect();
  if (status) co_return status;
  if (late) co_return Fail(Code::kDeadline, authority.ToString() + " does not answer");
  co_return Fail(status.error().code, authority.ToString() + ": " + status.error().message);
}

}  // namespace vm0::egress
