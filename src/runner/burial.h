// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/run_error.h"
#include "client/backoff.h"
#include "client/run_client.h"
#include "http/client.h"
#include "runner/context.h"
#include "runner/dead_spool.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// Ends a run whose supervisor is dead: kills what it left, ships what its spool holds and the
// server has not, completes the run as failed, forgets the spool. Tries for ever where the server
// does not answer. Where the server does not know its token (an older copy of the database), has it
// adopt the attempt first. The caller holds the run's lock meanwhile. One run each, owned by its
// Care; loop thread only.
class Burial {
 public:
  // What is known of the run before.
  struct Grounds {
    // The server has said that it has not ended.
    bool is_unfinished = false;
    int attempt = 0;               // from 1 on
    bool has_started = false;      // its agent has run
    bool sandbox_is_gone = false;  // and with it what the server does not have
  };
  enum class Outcome {
    kForgotten,  // the server has the end
    kLeft,       // the directory is as it was: nothing can be done about it (logged)
    kStopped,    // the runner stops
  };

  // `server` outlives it.
  Burial(Context& context, client::RunnerClient& server, std::string run_id, Grounds grounds);
  asio::awaitable<Outcome> Run();

 private:
  // What an answer means for what comes next.
  enum class Verdict { kGoOn, kAgain, kSlowly, kForget, kForgetButSpool };

  asio::awaitable<void> KillLeftovers();
  asio::awaitable<void> OpenSpool();
  asio::awaitable<Verdict> Step();
  void ReadToken();
  // A token that the server knows, where it does not know ours.
  asio::awaitable<Verdict> Adopt();
  Verdict JudgeAdoption(const Error& error);
  asio::awaitable<Verdict> AskWhatIsStored();
  asio::awaitable<Verdict> Ship();
  asio::awaitable<Verdict> Complete();
  client::CompleteMessage MakeEnd() const;
  RunError Cause() const;
  Verdict Judge(const Error& error);
  void GiveUpShipping(const Error& error);
  Outcome Forget(Verdict verdict);

  Context& context_;
  client::RunnerClient& server_;
  const std::string run_id_;
  const supervisor::RunDir dir_;
  const Grounds grounds_;
  const bool had_spec_;
  http::Client http_;
  client::RunClient client_;
  bool has_token_ = false;
  bool is_adopted_ = false;
  client::Backoff backoff_;
  std::shared_ptr<const DeadSpool> spool_;  // null when it can't be read
  std::string spool_problem_;               // why not all of it was shipped
  std::optional<std::int64_t> stored_;      // what the server has
};

}  // namespace vm0::runner
