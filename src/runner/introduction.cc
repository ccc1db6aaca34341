// SPDX-License-Identifier: Apache-2.0
#include "runner/introduction.h"

#include <string>
#include <utility>

#include "client/backoff.h"
#include "http/client.h"
#include "os/disk.h"
#include "os/file.h"
#include "runner/log.h"
#include "runner/run_files.h"

namespace vm0::runner {
namespace {

bool IsPassing(const Error& error) {
  const int status = InfoOf(error.code).http_status;
  return status >= 500 || status == 429;
}

asio::awaitable<Status> TryToken(Context& context, const std::string& token) {
  http::Client http(context.loop, context.clock, context.endpoint);
  const StopSignal::Hook hook(context.stop, [&http] { http.Close(); });
  client::RunClient client(http, token);
  const auto answer = co_await client.Heartbeat(0);
  co_return answer ? Status() : Status(Fail(answer.error()));
}

// What became of the question whether the server takes the attempt back.
Status TakeAnswer(const supervisor::RunDir& dir, const Result<std::string>& token) {
  if (token) {
    Log(dir.run_id(),
        "the server did not know its token (was its database put back to an older "
        "copy?): it has a new one");
    return os::WriteFileAtomic(dir.token(), *token);
  }
  const int status = InfoOf(token.error().code).http_status;
  if (status != 404 && status != 410) return Fail(token.error());
  if (status == 410) {
    Log(dir.run_id(), token.error().message + ": its supervisor is told to go");
    return os::Remove(dir.token());
  }
  Log(dir.run_id(),
      "the server knows no such run (was its database put back to an older copy?): "
      "it is stopped, and its events are kept in " +
          dir.spool().string());
  return os::Remove(dir.token());
}

}  // namespace

asio::awaitable<void> Introduce(Context& context, client::RunnerClient& server,
                                const supervisor::RunDir& dir) {
  const auto run = dir.ReadSpec();
  const auto token = dir.ReadToken();
  if (!run || !token) co_return;  // of one that has ended, or of another version: it knows itself
  client::Backoff backoff;
  while (!context.stop.stopped()) {
    Status said = co_await TryToken(context, *token);
    if (said) co_return;
    if (said.error().code == Code::kUnauthorized) {
      const bool has_started = FindStartedAttempt(dir).has_value();
      const auto adopted = co_await server.Adopt(run->run_id, run->attempt, has_started);
      said = TakeAnswer(dir, adopted);
      if (said) co_return;
    }
    if (context.stop.stopped()) co_return;
    if (!IsPassing(said.error())) {
      if (InfoOf(said.error().code).http_status != 410) Log(dir.run_id(), said.error().message);
      co_return;
    }
    co_await context.Pause(backoff.Next());
  }
}

}  // namespace vm0::runner
