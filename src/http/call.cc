// SPDX-License-Identifier: Apache-2.0
#include "http/call.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace vm0::http {
namespace {

std::string Describe(Micros timeout) { return FormatDuration(std::chrono::ceil<Seconds>(timeout)); }

}  // namespace

Call::Call(std::shared_ptr<ClientContext> context, Micros timeout)
    : context_(std::move(context)), timeout_(timeout) {
  context_->calls.insert(this);
  Restart();
}

Call::~Call() { context_->calls.erase(this); }

void Call::Restart() {
  timer_ = os::Timer(context_->clock, context_->clock.Now() + timeout_, [this] {
    End({Code::kDeadline,
         context_->endpoint.ToString() + ": no answer within " + Describe(timeout_)});
  });
}

void Call::End(Error error) {
  if (ended_) return;
  ended_ = std::move(error);
  if (connection_) connection_->Close();
  if (wake_ != nullptr) wake_->cancel();
}

Error Call::Explain(Error error) const {
  if (ended_) return *ended_;
  error.message = context_->endpoint.ToString() + ": " + error.message;
  return error;
}

Turn::Turn(std::shared_ptr<ClientContext> context)
    : context_(std::move(context)), wake_(context_->loop, asio::steady_timer::time_point::max()) {
  context_->turns.push_back(this);
}

Turn::~Turn() {
  auto& turns = context_->turns;
  const bool was_first = turns.front() == this;
  std::erase(turns, this);
  if (was_first && !turns.empty()) turns.front()->wake_.cancel();
}

asio::awaitable<void> Turn::Wait(Call& call) {
  call.WaitAt(&wake_);
  boost::system::error_code woken;
  while (context_->turns.front() != this && !call.ended()) {
    auto token = asio::redirect_error(asio::use_awaitable, woken);
    co_await wake_.async_wait(token);
  }
  call.WaitAt(nullptr);
}

}  // namespace vm0::http
