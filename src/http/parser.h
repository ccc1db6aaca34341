// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace vm0::http {

struct ParserLimits {
  std::size_t header_bytes;
  std::optional<std::uint64_t> body_bytes;  // nullopt: none
};

// Takes the bytes of one HTTP/1.x request in pieces of any size. Hides Beast, which is slow to
// compile.
class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits);
  ~RequestParser();
  // How many bytes it took; those left must be given again, with more behind them. kBadRequest
  // (also for whatever two readers could take for different messages), kHeadersTooLarge,
  // kPayloadTooLarge.
  Result<std::size_t> Put(std::string_view bytes);
  bool header_done() const;
  bool done() const;
  // Once the header is done:
  bool is_http_1_0() const;
  bool keep_alive() const;
  bool expects_continue() const;
  // Once all is done: the request, moved out.
  Request Take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The same for a response.
class ResponseParser {
 public:
  // `method` of the request: the answer to HEAD has no body.
  ResponseParser(std::string_view method, ParserLimits limits);
  ~ResponseParser();
  // kUnreachable for what is not HTTP, kPayloadTooLarge above the body limit.
  Result<std::size_t> Put(std::string_view bytes);
  // The connection has ended: fine for a body without length, kUnreachable otherwise.
  Status PutEnd();
  bool header_done() const;
  bool done() const;
  bool keep_alive() const;
  // Status and headers, moved out; the body stays.
  Response TakeHead();
  int status() const;
  // What has come of the body since the last call.
  std::string TakeBody();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "Not Found" for 404.
std::string_view ReasonPhrase(int status);

}  // namespace vm0::http
