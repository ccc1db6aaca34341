// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>

#include "api/api.h"
#include "api/auth.h"
#include "api/frames.h"
#include "api/liveness.h"
#include "api/open_waits.h"

namespace vm0::api {

// What all routes share; owned by the Api.
struct Context {
  Api::Parts parts;
  ApiOptions options;
  std::function<void()> handover;
  OpenWaits waits;
  Liveness liveness;
  FramesMaker frames;
  RequestCounts counts;
  MonoTime last_request;  // when the last one by somebody else than a machine began or was answered
};

// One request on its way through a route. Lives in Api::Handle.
struct Call {
  Context& context;
  http::Exchange& exchange;
  http::Target target = {};
  RouteGroup group = RouteGroup::kNone;
  std::string id = {};                           // what the pattern's ":id" matched
  Principal principal = {};                      // of routes that need a token
  std::function<void()> after_answer = nullptr;  // called when the answer was sent

  const http::Request& request() const { return exchange.request(); }
  // What is committed.
  store::Stores& reader() const { return context.parts.database.reader(); }
};

// The response, or nullopt when the handler streamed its answer itself.
using Answer = std::optional<http::Response>;
using RouteHandler = asio::awaitable<Result<Answer>> (*)(Call&);

}  // namespace vm0::api
