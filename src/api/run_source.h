// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "api/call.h"

namespace vm0::api {

// What a stream about a run is made of: it hears of the run's news, is one of
// the open waits, and shows in a silence that it lives. Owned by its stream; `context` outlives it.
// Loop thread only.
class RunSource : public http::StreamSource, private feed::Listener {
 public:
  RunSource(Context& context, RunId run, OpenWaits::Kind kind)
      : context_(context), run_(run), kind_(kind) {}

  void Begin(http::StreamWaker& waker) final;
  http::StreamPiece OnSilence() final;

 protected:
  Context& context() const { return context_; }
  RunId run_id() const { return run_; }

 private:
  void OnNews() final { waker_->Wake(); }

  Context& context_;
  const RunId run_;
  const OpenWaits::Kind kind_;
  http::StreamWaker* waker_ = nullptr;
  std::unique_ptr<feed::Subscription> subscription_;
  std::optional<OpenWaits::Ticket> ticket_;
};

}  // namespace vm0::api
