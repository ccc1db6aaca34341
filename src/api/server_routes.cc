// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "api/object_writer.h"
#include "api/openapi.h"
#include "api/respond.h"
#include "api/routes.h"

namespace vm0::api {

asio::awaitable<Result<Answer>> GetHealth(Call& call) {
  ObjectWriter body;
  body.Bool("ok", true).Text("version", call.context.options.version).Number("pid", ::getpid());
  co_return JsonResponse(200, body.Take());
}

asio::awaitable<Result<Answer>> GetReady(Call& call) {
  if (call.context.waits.ended()) co_return Fail(Code::kUnavailable, "The server is stopping");
  if (!call.reader().runs.CountUnfinished())
    co_return Fail(Code::kUnavailable, "The store does not answer; see the server's log");
  ObjectWriter body;
  body.Bool("ok", true);
  co_return JsonResponse(200, body.Take());
}

asio::awaitable<Result<Answer>> GetMetrics(Call& call) {
  const auto& write = call.context.options.write_metrics;
  if (!write) co_return Fail(Code::kNotFound, "This server keeps no metrics");
  http::Response response{.status = 200, .headers = {}, .body = write()};
  response.headers.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.headers.Set("Cache-Control", "no-store");
  co_return response;
}

asio::awaitable<Result<Answer>> GetOpenApi(Call&) {
  co_return JsonResponse(200, std::string(OpenApiJson()));
}

// The body, which names the newer version, decides nothing: the token does.
asio::awaitable<Result<Answer>> PostHandover(Call& call) {
  if (!call.context.handover)
    co_return Fail(Code::kConflict,
                   "This server was started by hand and does not make room: stop it there");
  call.after_answer = call.context.handover;
  ObjectWriter body;
  body.Bool("ok", true).Text("version", call.context.options.version).Number("pid", ::getpid());
  co_return JsonResponse(200, body.Take());
}

}  // namespace vm0::api
