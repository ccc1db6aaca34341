// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "http/message.h"

namespace vm0::e2b {

// What a refusal of E2B means, from its status and its body, {"code", "message"}; `number` is what
// Retry-After says, in seconds (at most an hour).
Error RefusalOf(const http::Response& response);

// An answer that is not what E2B's specification says: kUnreachable.
Error StrangeAnswer(std::string_view what);

// Whether the same question may well be answered later.
bool IsPassing(const Error& error);

}  // namespace vm0::e2b
