// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "e2b/account.h"
#include "http/client.h"
#include "os/clock.h"

namespace vm0::e2b {

namespace asio = boost::asio;

using Metadata = std::map<std::string, std::string>;

struct NewSandbox {
  std::string template_id;  // or its name
  Seconds timeout{};        // E2B ends it then, see SetTimeout
  Metadata metadata;
};

// What it takes to talk to a sandbox.
struct Sandbox {
  std::string id;
  std::string domain;        // of its own; empty: the account's
  std::string access_token;  // for its envd
};

struct ListedSandbox {
  std::string id;
  Metadata metadata;
};

// E2B's control plane: one call, one request (List: one a page), no retries. Source: E2B's
// spec/openapi.yml. Calls queue up on one connection. Loop thread only.
//
// Errors say what E2B said: kUnauthorized (the API key), kNotFound, kBadRequest, kTooManyRequests
// (rate limit, or as many sandboxes as the account may have; `number`: the seconds to wait, if E2B
// named them), kUnavailable (5xx, no capacity; `number` likewise), kUnreachable, kDeadline.
class ControlPlane {
 public:
  ControlPlane(asio::io_context& loop, os::Clock& clock, const Account& account);

  // Secured: its envd wants the access token.
  asio::awaitable<Result<Sandbox>> Create(NewSandbox sandbox);
  // Those with all of this metadata that run.
  asio::awaitable<Result<std::vector<ListedSandbox>>> List(Metadata metadata);
  // kNotFound when there is no such sandbox, or none any more.
  asio::awaitable<Status> Find(std::string id);
  // It lives for so long from now on. Longer than the account allows is kBadRequest.
  asio::awaitable<Status> SetTimeout(std::string id, Seconds timeout);
  // The same for one that may have been paused: it goes on then.
  asio::awaitable<Status> Connect(std::string id, Seconds timeout);
  // Ends it at once. One that is gone already is fine.
  asio::awaitable<Status> Delete(std::string id);
  // Ends what is under way (kUnreachable).
  void Close() { http_.Close(); }

 private:
  asio::awaitable<Status> PostTimeout(std::string target, Seconds timeout);
  http::Request MakeRequest(std::string method, std::string target) const;
  asio::awaitable<Result<http::Response>> Call(http::Request request);

  const std::string api_key_;
  http::Client http_;
};

}  // namespace vm0::e2b
