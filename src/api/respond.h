// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.h"
#include "http/message.h"

namespace vm0::api {

// A JSON answer. Answers are never cached.
http::Response JsonResponse(int status, std::string body);
// {"error":{"message","code","number"?}}. The message of kInternal is not told.
http::Response ErrorResponse(const Error& error);

}  // namespace vm0::api
