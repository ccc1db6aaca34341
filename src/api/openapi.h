// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace vm0::api {

// The text of openapi.json, which is compiled in.
std::string_view OpenApiJson();

}  // namespace vm0::api
