// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "http/server.h"
#include "os/fd.h"

namespace vm0::http {

// A listening socket.
class Listener {
 public:
  // "127.0.0.1:8400", "[::1]:0".
  static Result<Listener> Tcp(const std::string& address);
  static Result<Listener> Unix(const std::string& path);

  int fd() const { return fd_.get(); }
  os::Fd ReleaseFd() { return std::move(fd_); }
  Transport transport() const { return path_.empty() ? Transport::kTcp : Transport::kUnix; }
  Result<std::uint16_t> Port() const;
  // Removes the socket file, unless another server has replaced it meanwhile.
  void RemoveFile();

 private:
  explicit Listener(os::Fd fd) : fd_(std::move(fd)) {}

  os::Fd fd_;
  std::string path_;  // of a unix socket
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace vm0::http
