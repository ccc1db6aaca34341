// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "http/message.h"

namespace vm0::api {

// A JSON answer. Answers are never cached.
http::Response JsonResponse(int status, std::string body);
// The head of a stream of server-sent events; keeps proxies from buffering it.
http::Response SseHead();
// What shows that a stream lives, and is no event.
std::shared_ptr<const std::string> SseComment();
// {"message","code","number"?}. The message of kInternal is not told.
std::string ErrorBody(const Error& error);
// {"error":{"message","code","number"?}}.
http::Response ErrorResponse(const Error& error);

}  // namespace vm0::api
