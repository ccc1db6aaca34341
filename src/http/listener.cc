// SPDX-License-Identifier: Apache-2.0
#include "http/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "base/text.h"
#include "os/unix_address.h"

namespace vm0::http {
namespace {

struct HostPort {
  std::string host;
  std::string port;
};

Result<HostPort> SplitAddress(const std::string& address) {
  const auto colon = address.rfind(':');
  HostPort result;
  if (colon != std::string::npos) {
    result.host = address.substr(0, colon);
    result.port = address.substr(colon + 1);
  }
  const bool bracketed = result.host.starts_with('[') && result.host.ends_with(']');
  if (bracketed) result.host = result.host.substr(1, result.host.size() - 2);
  const bool bare_ipv6 = !bracketed && result.host.contains(':');
  if (result.host.empty() || result.port.empty() || bare_ipv6) {
    return Fail(Code::kIo, "listen on \"" + address +
                               "\": must be HOST:PORT, such as 127.0.0.1:8400 or [::1]:8400");
  }
  // getaddrinfo takes 99999 for 34463.
  const auto port = ParseInt(result.port);
  if (!port || *port < 0 || *port > 65535)
    return Fail(Code::kIo, "listen on " + address + ": the port must be a number up to 65535");
  return result;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> LookUp(const HostPort& name, const std::string& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(name.host.c_str(), name.port.c_str(), &hints, &list);
  if (error != 0) return Fail(Code::kIo, "listen on " + address + ": " + ::gai_strerror(error));
  return Addresses(list);
}

Result<os::Fd> MakeSocket(int family) {
  os::Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return Fail(SystemError("socket"));
  return fd;
}

// A file left by a server that was killed. Anything else at that place is not ours to remove.
Status RemoveStale(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) {
    return Fail(Code::kIo, "listen on " + path + ": exists and is no socket; remove it");
  }
  if (::unlink(path.c_str()) != 0) return Fail(SystemError("remove", path));
  return {};
}

}  // namespace

Result<Listener> Listener::Tcp(const std::string& address) {
  VM0_ASSIGN(const HostPort name, SplitAddress(address));
  VM0_ASSIGN(const Addresses found, LookUp(name, address));
  VM0_ASSIGN(os::Fd fd, MakeSocket(found->ai_family));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0) {
    return Fail(SystemError("listen on", address));
  }
  return Listener(std::move(fd));
}

Result<Listener> Listener::Unix(const std::string& path) {
  VM0_ASSIGN(const os::UnixAddress address, os::MakeUnixAddress(path));
  VM0_TRY(RemoveStale(path));
  VM0_ASSIGN(os::Fd fd, MakeSocket(AF_UNIX));
  // The file gets the socket's mode, so at no time may a stranger connect.
  struct stat made {};
  if (::fchmod(fd.get(), 0600) != 0 || ::bind(fd.get(), address.data(), address.size()) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0 || ::lstat(path.c_str(), &made) != 0) {
    return Fail(SystemError("listen on", path));
  }
  Listener listener(std::move(fd));
  listener.path_ = path;
  listener.device_ = made.st_dev;
  listener.inode_ = made.st_ino;
  return listener;
}

Result<std::uint16_t> Listener::Port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return Fail(SystemError("getsockname"));
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

void Listener::RemoveFile() {
  if (path_.empty()) return;
  struct stat found {};
  if (::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

}  // namespace vm0::http
