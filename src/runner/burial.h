// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/backoff.h"
#include "client/run_client.h"
#include "http/client.h"
#include "runner/context.h"
#include "runner/dead_spool.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// Ends a run whose supervisor is dead: kills what it left, ships what its spool holds and the
// server has not, completes the run as failed, forgets the spool. Tries for ever where the server
// does not answer. The caller holds the run's lock meanwhile. One run each.
class Burial {
 public:
  // Whether the server has said that the run has not ended: then a refused token is no end either.
  enum class Standing { kUnfinished, kUnknown };
  enum class Outcome {
    kForgotten,  // the server has the end
    kLeft,       // the directory is as it was: nothing can be done about it (logged)
    kStopped,    // the runner stops
  };

  Burial(Context& context, std::string run_id, Standing standing);
  asio::awaitable<Outcome> Run();

 private:
  // What an answer means for what comes next.
  enum class Verdict { kGoOn, kAgain, kSlowly, kForget, kForgetButSpool };

  asio::awaitable<void> KillLeftovers();
  asio::awaitable<void> OpenSpool();
  asio::awaitable<Verdict> Step();
  asio::awaitable<Verdict> AskWhatIsStored();
  asio::awaitable<Verdict> Ship();
  asio::awaitable<Verdict> Complete();
  client::CompleteMessage MakeEnd() const;
  Verdict Judge(const Error& error);
  void GiveUpShipping(const Error& error);
  Outcome Forget(Verdict verdict);

  Context& context_;
  const std::string run_id_;
  const supervisor::RunDir dir_;
  const Standing standing_;
  http::Client http_;
  std::unique_ptr<client::RunClient> client_;
  client::Backoff backoff_;
  std::shared_ptr<const DeadSpool> spool_;  // null when it can't be read
  std::string spool_problem_;               // why not all of it was shipped
  std::optional<std::int64_t> stored_;      // what the server has
};

}  // namespace vm0::runner
