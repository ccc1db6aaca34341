// SPDX-License-Identifier: Apache-2.0
#include "e2b/control_plane.h"

#include <utility>

#include "base/json.h"
#include "e2b/answer.h"

namespace vm0::e2b {
namespace {

// A sandbox is made within a second, but E2B may look for room for a while.
constexpr Seconds kPatience{60};

json::object ToObject(const Metadata& metadata) {
  json::object object;
  for (const auto& [name, value] : metadata) object.emplace(name, value);
  return object;
}

// As E2B's SDKs write it: a query of its own, escaped once more as a value. E2B unescapes that
// value before it splits it, and then its names and values: so these are escaped twice.
std::string FilterOf(const Metadata& metadata) {
  const auto escape = [](const std::string& text) {
    return http::PercentEncode(http::PercentEncode(text));
  };
  std::string query;
  for (const auto& [name, value] : metadata) {
    if (!query.empty()) query += '&';
    query += escape(name) + "=" + escape(value);
  }
  return http::PercentEncode(query);
}

Result<ListedSandbox> ParseListed(const json::value& entry) {
  if (!entry.is_object()) return Fail(StrangeAnswer("a sandbox is no object"));
  const auto id = StringMember(entry.get_object(), "sandboxID");
  if (!id || id->empty()) return Fail(StrangeAnswer("sandboxID is missing"));
  ListedSandbox sandbox{.id = std::string(*id), .metadata = {}};
  if (const json::object* metadata = ObjectMember(entry.get_object(), "metadata")) {
    for (const auto& [name, value] : *metadata) {
      if (value.is_string()) sandbox.metadata.emplace(name, value.get_string());
    }
  }
  return sandbox;
}

Status AddPage(std::string_view body, std::vector<ListedSandbox>& sandboxes) {
  const auto list = ParseJson(body);
  if (!list || !list->is_array()) return Fail(StrangeAnswer("the list is no array"));
  for (const json::value& entry : list->get_array()) {
    VM0_ASSIGN(ListedSandbox sandbox, ParseListed(entry));
    sandboxes.push_back(std::move(sandbox));
  }
  return {};
}

Result<Sandbox> ParseCreated(std::string_view body) {
  const auto object = ParseJsonObject(body, "answer");
  if (!object) return Fail(StrangeAnswer(object.error().message));
  const auto id = StringMember(*object, "sandboxID");
  if (!id || id->empty()) return Fail(StrangeAnswer("sandboxID is missing"));
  return Sandbox{
      .id = std::string(*id),
      .domain = std::string(StringMember(*object, "domain").value_or("")),
      .access_token = std::string(StringMember(*object, "envdAccessToken").value_or(""))};
}

std::string PathOf(const std::string& id) { return "/sandboxes/" + http::PercentEncode(id); }

}  // namespace

ControlPlane::ControlPlane(asio::io_context& loop, os::Clock& clock, const Account& account)
    : api_key_(account.api_key), http_(loop, clock, account.api) {}

http::Request ControlPlane::MakeRequest(std::string method, std::string target) const {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.Set("X-API-Key", api_key_);
  return request;
}

asio::awaitable<Result<http::Response>> ControlPlane::Call(http::Request request) {
  auto response = co_await http_.Send(std::move(request), kPatience);
  if (!response) co_return Fail(std::move(response).error());
  if (response->status >= 200 && response->status <= 299) co_return std::move(*response);
  Error error = RefusalOf(*response);
  error.message =
      (error.code == Code::kUnauthorized ? "E2B refuses the API key (E2B_API_KEY): " : "E2B: ") +
      error.message;
  co_return Fail(std::move(error));
}

asio::awaitable<Result<Sandbox>> ControlPlane::Create(NewSandbox sandbox) {
  auto request = MakeRequest("POST", "/sandboxes");
  request.headers.Set("Content-Type", "application/json");
  const json::object body{{"templateID", sandbox.template_id},
                          {"timeout", sandbox.timeout.count()},
                          {"metadata", ToObject(sandbox.metadata)},
                          {"secure", true}};
  request.body = ToJson(json::value(body));
  auto response = co_await Call(std::move(request));
  if (!response) co_return Fail(std::move(response).error());
  co_return ParseCreated(response->body);
}

asio::awaitable<Result<std::vector<ListedSandbox>>> ControlPlane::List(Metadata metadata) {
  std::vector<ListedSandbox> sandboxes;
  const std::string target = "/v2/sandboxes?limit=100&metadata=" + FilterOf(metadata);
  std::string token;
  do {
    std::string page = target;
    if (!token.empty()) page += "&nextToken=" + http::PercentEncode(token);
    auto request = MakeRequest("GET", std::move(page));
    auto response = co_await Call(std::move(request));
    if (!response) co_return Fail(std::move(response).error());
    VM0_CO_TRY(AddPage(response->body, sandboxes));
    const std::string next(response->headers.Find("X-Next-Token").value_or(""));
    if (next == token) break;
    token = next;
  } while (!token.empty());
  co_return sandboxes;
}

asio::awaitable<Status> ControlPlane::Find(std::string id) {
  auto request = MakeRequest("GET", PathOf(id));
  const auto response = co_await Call(std::move(request));
  co_return response ? Status() : Status(Fail(response.error()));
}

asio::awaitable<Status> ControlPlane::SetTimeout(std::string id, Seconds timeout) {
  return PostTimeout(PathOf(id) + "/timeout", timeout);
}

asio::awaitable<Status> ControlPlane::Connect(std::string id, Seconds timeout) {
  return PostTimeout(PathOf(id) + "/connect", timeout);
}

asio::awaitable<Status> ControlPlane::PostTimeout(std::string target, Seconds timeout) {
  auto request = MakeRequest("POST", std::move(target));
  request.headers.Set("Content-Type", "application/json");
  const json::object body{{"timeout", timeout.count()}};
  request.body = ToJson(json::value(body));
  const auto response = co_await Call(std::move(request));
  co_return response ? Status() : Status(Fail(response.error()));
}

asio::awaitable<Status> ControlPlane::Delete(std::string id) {
  auto request = MakeRequest("DELETE", PathOf(id));
  const auto response = co_await Call(std::move(request));
  if (response || response.error().code == Code::kNotFound) co_return Status{};
  co_return Fail(response.error());
}

}  // namespace vm0::e2b
