// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace load {

// A TCP connection to HOST:PORT that writes everything at once and reads what there is.
class Wire {
 public:
  explicit Wire(const std::string& address);
  ~Wire();
  Wire(Wire&& other) noexcept;
  Wire(const Wire&) = delete;

  int fd() const { return fd_; }
  void Send(std::string_view bytes);
  // Reads what is there; blocks only when nothing is. Ends the program when the peer has closed.
  void Receive();
  std::string& input() { return input_; }

 private:
  int fd_;
  std::string input_;
};

// How many bytes of `input` are the first whole answer, or 0.
std::size_t WholeHttpAnswer(std::string_view input);
std::size_t WholeRedisAnswer(std::string_view input);

// Ends the program when an answer is an error; `input` starts with the answer.
void CheckHttpAnswer(std::string_view input);
void CheckRedisAnswer(std::string_view input);

}  // namespace load
