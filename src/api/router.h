// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/auth.h"
#include "api/call.h"

namespace vm0::api {

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/api/agent/runs/:id"; ":id" is one segment
  Access access;
  RouteHandler handler;
};

// All routes there are; openapi.json lists the same.
std::span<const Route> Routes();

struct RouteMatch {
  const Route* route = nullptr;  // nullptr: the path is unknown, or the method on it
  std::string id;                // what ":id" matched
  std::string allow;             // the methods that the path has; empty: an unknown path
};

// HEAD is matched as GET.
RouteMatch FindRoute(std::string_view method, const http::Target& target);

}  // namespace vm0::api
