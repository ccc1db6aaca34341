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

http::Response ErrorResponse(const Error& error) {
  const CodeInfo& info = InfoOf(error.code);
  ObjectWriter inner;
  inner.Text("message", error.code == Code::kInternal ? "Internal server error"
                                                      : std::string_view(error.message));
  inner.Text("code", info.name);
  if (error.number) inner.Number("number", *error.number);
  ObjectWriter outer;
  outer.Raw("error", inner.Take());
  http::Response response = JsonResponse(info.http_status, outer.Take());
  if (error.code == Code::kUnauthorized) response.headers.Set("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace vm0::api
