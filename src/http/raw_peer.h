// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "os/fd.h"
#include "os/unix_address.h"

namespace vm0::http {

// For tests: runs the loop until `done`, which a broken test never reaches.
inline void RunUntil(boost::asio::io_context& loop, const std::function<bool()>& done) {
  for (int i = 0; i < 10'000 && !done(); ++i) {
    loop.restart();
    if (loop.poll() == 0) ::poll(nullptr, 0, 1);
  }
  EXPECT_TRUE(done()) << "waited too long";
}

// For tests: the other end of a connection, byte by byte, with the code under test on `loop` in the
// same thread.
class RawPeer {
 public:
  static RawPeer Tcp(boost::asio::io_context& loop, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return {loop, AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof address};
  }
  static RawPeer Unix(boost::asio::io_context& loop, const std::string& path) {
    const auto address = os::MakeUnixAddress(path).value();
    return {loop, AF_UNIX, address.data(), address.size()};
  }
  RawPeer(boost::asio::io_context& loop, os::Fd fd) : loop_(&loop), fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  void Close() { fd_.Close(); }
  void EndOutput() { ::shutdown(fd_.get(), SHUT_WR); }
  // Fails silently when the other side has gone: what matters is what it answered.
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN) {
        Turn(POLLOUT);
      } else {
        return;
      }
    }
  }
  // Everything up to and with `end`, or to the end of the connection.
  std::string ReadUntil(std::string_view end) {
    for (int i = 0; i < 100'000; ++i) {
      const auto found = input_.find(end);
      if (found != std::string::npos) return Take(found + end.size());
      if (!ReadSome()) return Take(input_.size());
    }
    ADD_FAILURE() << "waited too long for \"" << end << "\", have \"" << input_ << '"';
    return "";
  }
  std::string ReadToEnd() {
    for (int i = 0; i < 100'000; ++i) {
      if (!ReadSome()) return Take(input_.size());
    }
    ADD_FAILURE() << "waited too long for the end, have \"" << input_ << '"';
    return "";
  }
  std::string ReadBytes(std::size_t count) {
    for (int i = 0; i < 100'000 && input_.size() < count; ++i) {
      if (!ReadSome()) break;
    }
    return Take(std::min(count, input_.size()));
  }
  // A response with Content-Length: its head, and its body behind it.
  std::string ReadResponse() {
    std::string response = ReadUntil("\r\n\r\n");
    const auto field = response.find("Content-Length: ");
    if (field == std::string::npos) return response;
    return response + ReadBytes(std::stoul(response.substr(field + 16)));
  }

 private:
  RawPeer(boost::asio::io_context& loop, int family, const sockaddr* address, socklen_t size)
      : loop_(&loop), fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_EQ(::connect(fd_.get(), address, size), 0) << strerror(errno);
  }
  void Turn(short events) {
    loop_->restart();
    if (loop_->poll() > 0) return;
    pollfd ready{fd_.get(), events, 0};
    ::poll(&ready, 1, 1);
  }
  // False at the end.
  bool ReadSome() {
    char buffer[65536];
    const auto count = ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (count > 0) input_.append(buffer, static_cast<std::size_t>(count));
    if (count < 0 && errno == EAGAIN) {
      Turn(POLLIN);
      return true;
    }
    return count > 0;
  }
  std::string Take(std::size_t count) {
    std::string taken = input_.substr(0, count);
    input_.erase(0, count);
    return taken;
  }

  boost::asio::io_context* loop_;
  os::Fd fd_;
  std::string input_;
};

}  // namespace vm0::http
