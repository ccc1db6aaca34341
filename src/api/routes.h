// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/call.h"

// The handlers of all routes; the table is in router.cc, one file per group defines them.
namespace vm0::api {

// server_routes.cc
asio::awaitable<Result<Answer>> GetHealth(Call& call);
asio::awaitable<Result<Answer>> GetReady(Call& call);
asio::awaitable<Result<Answer>> GetMetrics(Call& call);
asio::awaitable<Result<Answer>> GetOpenApi(Call& call);
asio::awaitable<Result<Answer>> PostHandover(Call& call);
// backup_route.cc
asio::awaitable<Result<Answer>> GetBackup(Call& call);
// configs_routes.cc
asio::awaitable<Result<Answer>> PostConfig(Call& call);
asio::awaitable<Result<Answer>> FindConfig(Call& call);
asio::awaitable<Result<Answer>> GetConfig(Call& call);
// runs_routes.cc
asio::awaitable<Result<Answer>> PostRun(Call& call);
asio::awaitable<Result<Answer>> ListRuns(Call& call);
asio::awaitable<Result<Answer>> GetRun(Call& call);
asio::awaitable<Result<Answer>> PostCancel(Call& call);
// events_routes.cc
asio::awaitable<Result<Answer>> GetEvents(Call& call);
asio::awaitable<Result<Answer>> GetEventsSocket(Call& call);
// proof_routes.cc
asio::awaitable<Result<Answer>> GetProof(Call& call);
asio::awaitable<Result<Answer>> ListProofs(Call& call);
asio::awaitable<Result<Answer>> GetRecords(Call& call);
// prune_route.cc
asio::awaitable<Result<Answer>> PostPrune(Call& call);
// network_route.cc
asio::awaitable<Result<Answer>> GetNetwork(Call& call);
// webhook_routes.cc
asio::awaitable<Result<Answer>> PostEvents(Call& call);
asio::awaitable<Result<Answer>> PostStart(Call& call);
asio::awaitable<Result<Answer>> PostHeartbeat(Call& call);
// complete_route.cc, control_route.cc
asio::awaitable<Result<Answer>> PostComplete(Call& call);
asio::awaitable<Result<Answer>> GetControl(Call& call);
// runner_routes.cc
asio::awaitable<Result<Answer>> PostClaim(Call& call);
asio::awaitable<Result<Answer>> PostRelease(Call& call);
asio::awaitable<Result<Answer>> PostAdopt(Call& call);
asio::awaitable<Result<Answer>> ListUnfinished(Call& call);
// token_routes.cc
asio::awaitable<Result<Answer>> PostToken(Call& call);
asio::awaitable<Result<Answer>> ListTokens(Call& call);
asio::awaitable<Result<Answer>> DeleteToken(Call& call);

// secret_routes.cc
asio::awaitable<Result<Answer>> PutSecret(Call& call);
asio::awaitable<Result<Answer>> ListSecrets(Call& call);
asio::awaitable<Result<Answer>> DeleteSecret(Call& call);

}  // namespace vm0::api
