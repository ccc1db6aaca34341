// SPDX-License-Identifier: Apache-2.0
#include "api/run_source.h"

#include "api/respond.h"

namespace vm0::api {

void RunSource::Begin(http::StreamWaker& waker) {
  waker_ = &waker;
  subscription_ = context_.parts.feed.Subscribe(run_, *this);
  ticket_.emplace(context_.waits, kind_, [this] { waker_->Wake(); });
}

http::StreamPiece RunSource::OnSilence() { return {SseComment(), 0, false}; }

}  // namespace vm0::api
