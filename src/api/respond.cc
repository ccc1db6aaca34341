// SPDX-License-Identifier: Apache-2.0
#include "api/respond.h"

#include <utility>

#include "api/object_writer.h"

namespace vm0::api {

http::Response JsonResponse(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.Set("Content-Type", "application/json");
  response.headers.Set("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

http::Response SseHead() {
  http::Response head;
  head.headers.Set("Content-Type", "text/event-stream");
  head.headers.Set("Cache-Control", "no-store, no-transform");
  head.headers.Set("X-Accel-Buffering", "no");
  return head;
}

std::shared_ptr<const std::string> SseComment() {
  static const auto kComment = std::make_shared<const std::string>(":\n\n");
  return kComment;
}

std::string ErrorBody(const Error& error) {
  ObjectWriter body;
  body.Text("message", error.code == Code::kInternal ? "Internal server error"
                                                     : std::string_view(error.message));
  body.Text("code", InfoOf(error.code).name);
  if (error.number) body.Number("number", *error.number);
  return body.Take();
}

http::Response ErrorResponse(const Error& error) {
  ObjectWriter outer;
  outer.Raw("error", ErrorBody(error));
  http::Response response = JsonResponse(InfoOf(error.code).http_status, outer.Take());
  if (error.code == Code::kUnauthorized) response.headers.Set("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace vm0::api
