// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "http/connection.h"
#include "http/ssl.h"

namespace vm0::http {
namespace {

using detail::Broken;
using detail::PlainSocket;
using ErrorCode = boost::system::error_code;
using Address = asio::ip::tcp::endpoint;

constexpr std::size_t kReadStep = 64 << 10;

// Reads behind `out`.
template <class Stream>
asio::awaitable<Result<std::size_t>> ReadSome(Stream& stream, std::string& out) {
  const std::size_t size = out.size();
  out.resize(size + kReadStep);
  const auto buffer = asio::buffer(out.data() + size, kReadStep);
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  const std::size_t count = co_await stream.async_read_some(buffer, token);
  out.resize(size + count);
  if (error == asio::error::eof) co_return std::size_t{0};
  if (error) co_return Broken("read", error);
  co_return count;
}

template <class Stream>
asio::awaitable<Status> WriteBoth(Stream& stream, std::string_view head, std::string_view body) {
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await asio::async_write(stream, buffers, token);
  if (error) co_return Broken("write", error);
  co_return Status{};
}

class PlainConnection final : public Connection {
 public:
  PlainConnection(asio::io_context& loop, Endpoint endpoint, std::optional<Address> address)
      : plain_(loop, std::move(endpoint), address) {}

  asio::awaitable<Status> Connect() override { return plain_.Connect(); }
  asio::awaitable<Status> Write(std::string_view head, std::string_view body) override {
    return WriteBoth(plain_.socket(), head, body);
  }
  asio::awaitable<Result<std::size_t>> Read(std::string& out) override {
    return ReadSome(plain_.socket(), out);
  }
  void EndWriting() override {
    ErrorCode ignored;
    plain_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void Close() override { plain_.Close(); }
  bool IsStale() override { return plain_.Peek() != PlainSocket::Pending::kNothing; }

 private:
  PlainSocket plain_;
};

class TlsConnection final : public Connection {
 public:
  TlsConnection(asio::io_context& loop, Endpoint endpoint, std::optional<Address> address,
                asio::ssl::context& tls)
      : host_(endpoint.host),
        plain_(loop, std::move(endpoint), address),
        stream_(plain_.socket(), tls) {}

  asio::awaitable<Status> Connect() override {
    auto connected = co_await plain_.Connect();
    if (!connected) co_return connected;
    ErrorCode error;
    // Server name indication is for names only (RFC 6066, 3).
    asio::ip::make_address(host_, error);
    if (error) ::SSL_set_tlsext_host_name(stream_.native_handle(), host_.c_str());
    stream_.set_verify_callback(asio::ssl::host_name_verification(host_), error);
    if (error) co_return Broken("TLS", error);
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await stream_.async_handshake(asio::ssl::stream_base::client, token);
    if (error) co_return Broken("TLS handshake", error);
    co_return Status{};
  }
  asio::awaitable<Status> Write(std::string_view head, std::string_view body) override {
    return WriteBoth(stream_, head, body);
  }
  asio::awaitable<Result<std::size_t>> Read(std::string& out) override {
    return ReadSome(stream_, out);
  }
  void EndWriting() override {}
  // Without the closing handshake: HTTP's own framing tells whether a message is whole.
  void Close() override { plain_.Close(); }
  // Bytes may be session tickets.
  bool IsStale() override { return plain_.Peek() == PlainSocket::Pending::kEnd; }

 private:
  std::string host_;
  PlainSocket plain_;
  asio::ssl::stream<PlainSocket::Socket&> stream_;
};

}  // namespace

struct Dialer::Tls {
  asio::ssl::context context;

  Tls() : context((detail::StartOpenSsl(), asio::ssl::context::tls_client)) {
    ErrorCode ignored;  // without certificates the handshake fails and says so
    context.set_default_verify_paths(ignored);
    context.set_verify_mode(asio::ssl::verify_peer);
    ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  }
};

Dialer::Dialer(asio::io_context& loop, Endpoint endpoint)
    : loop_(loop), endpoint_(std::move(endpoint)) {}
Dialer::~Dialer() = default;

std::shared_ptr<Connection> Dialer::Dial() { return Make(std::nullopt); }
std::shared_ptr<Connection> Dialer::Dial(Address address) { return Make(address); }

std::shared_ptr<Connection> Dialer::Make(std::optional<Address> address) {
  if (endpoint_.kind != Endpoint::Kind::kHttps) {
    return std::make_shared<PlainConnection>(loop_, endpoint_, address);
  }
  if (!tls_) tls_ = std::make_unique<Tls>();
  return std::make_shared<TlsConnection>(loop_, endpoint_, address, tls_->context);
}

}  // namespace vm0::http
