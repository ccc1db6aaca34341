// SPDX-License-Identifier: Apache-2.0
#include "e2b/answer.h"

#include <algorithm>
#include <string>

#include "base/json.h"
#include "base/text.h"

namespace vm0::e2b {
namespace {

constexpr std::int64_t kLongestWait = 3600;
constexpr std::size_t kMostSaid = 500;

Code CodeOfStatus(int status) {
  switch (status) {
    case 401:
    case 403:
      return Code::kUnauthorized;
    case 404:
      return Code::kNotFound;
    case 429:
      return Code::kTooManyRequests;
    default:
      return status >= 400 && status < 500 ? Code::kBadRequest : Code::kUnavailable;
  }
}

// What it says for people; an answer of something in between may be no JSON.
std::string MessageOf(const http::Response& response) {
  const auto body = ParseJsonObject(response.body, "answer");
  if (body) {
    if (const auto message = StringMember(*body, "message")) {
      return ReplaceInvalidUtf8(message->substr(0, kMostSaid));
    }
  }
  return "status " + std::to_string(response.status);
}

}  // namespace

Error RefusalOf(const http::Response& response) {
  Error error{.code = CodeOfStatus(response.status), .message = MessageOf(response)};
  if (const auto after = response.headers.Find("Retry-After")) {
    const auto seconds = ParseInt(TrimAscii(*after));
    if (seconds && *seconds >= 0) error.number = std::min(*seconds, kLongestWait);
  }
  return error;
}

Error StrangeAnswer(std::string_view what) {
  return {Code::kUnreachable, "E2B's answer makes no sense: " + std::string(what)};
}

bool IsPassing(const Error& error) {
  const int status = InfoOf(error.code).http_status;
  return (status >= 500 && error.code != Code::kIo) || status == 429;
}

}  // namespace vm0::e2b
