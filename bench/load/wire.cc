// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "options.h"

namespace load {
namespace {

// The value of a header, empty when it is not there. `head` ends with its empty line.
std::string_view HeaderOf(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2);
    if (line.size() > name.size() && strncasecmp(line.data(), name.data(), name.size()) == 0 &&
        line[name.size()] == ':') {
      std::string_view value = line.substr(name.size() + 1, line.find("\r\n") - name.size() - 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      return value;
    }
  }
  return {};
}

std::size_t NumberIn(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Wire::Wire(const std::string& address) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const std::size_t colon = address.rfind(':');
  if (colon == address.npos) Fail("not HOST:PORT: " + address);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(NumberIn(address.substr(colon + 1))));
  if (inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1)
    Fail("not an address: " + address);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
    Fail("connect: " + std::string(strerror(errno)));
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Wire::~Wire() {
  if (fd_ >= 0) close(fd_);
}

Wire::Wire(Wire&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), input_(std::move(other.input_)) {}

void Wire::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) Fail("send: " + std::string(strerror(errno)));
    bytes.remove_prefix(sent);
  }
}

void Wire::Receive() {
  char buffer[65536];
  const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
  if (got <= 0) Fail("the peer has closed the connection: " + input_.substr(0, 500));
  input_.append(buffer, got);
}

std::size_t WholeHttpAnswer(std::string_view input) {
  const std::size_t end = input.find("\r\n\r\n");
  if (end == input.npos) return 0;
  const std::string_view head = input.substr(0, end + 4);
  if (HeaderOf(head, "Transfer-Encoding").starts_with("chunked")) {
    const std::size_t last = input.find("0\r\n\r\n", end + 2);
    return last == input.npos ? 0 : last + 5;
  }
  const std::size_t whole = head.size() + NumberIn(HeaderOf(head, "Content-Length"));
  return input.size() < whole ? 0 : whole;
}

void CheckHttpAnswer(std::string_view input) {
  if (!input.starts_with("HTTP/1.1 2")) Fail("refused: " + std::string(input.substr(0, 500)));
}

std::size_t WholeRedisAnswer(std::string_view input) {
  const std::size_t line = input.find("\r\n");
  if (line == input.npos) return 0;
  if (input[0] != '$' && input[0] != '*') return line + 2;
  if (input[1] == '-') return line + 2;  // null
  std::size_t whole = line + 2;
  const std::size_t number = NumberIn(input.substr(1, line - 1));
  if (input[0] == '$') {
    whole += number + 2;
    return input.size() < whole ? 0 : whole;
  }
  for (std::size_t i = 0; i < number; ++i) {
    const std::size_t part = WholeRedisAnswer(input.substr(whole));
    if (part == 0) return 0;
    whole += part;
  }
  return whole;
}

void CheckRedisAnswer(std::string_view input) {
  if (input.starts_with('-')) Fail("refused: " + std::string(input.substr(0, 500)));
}

}  // namespace load
