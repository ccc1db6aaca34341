// SPDX-License-Identifier: Apache-2.0
#include "runner/side_threads.h"

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace vm0::runner {
namespace {

constexpr std::chrono::seconds kPatience{2};

}  // namespace

struct SideThreads::State {
  std::mutex mutex;
  std::condition_variable ended;
  asio::io_context* loop;  // null when it may not be used any more
  int running = 0;
};

SideThreads::SideThreads(asio::io_context& loop) : state_(std::make_shared<State>()) {
  state_->loop = &loop;
}

SideThreads::~SideThreads() { Close(); }

void SideThreads::Close() {
  std::unique_lock lock(state_->mutex);
  if (state_->loop == nullptr) return;
  state_->ended.wait_for(lock, kPatience, [this] { return state_->running == 0; });
  state_->loop = nullptr;
}

Status SideThreads::Start(std::function<Done()> work) {
  const std::lock_guard lock(state_->mutex);
  if (state_->loop == nullptr) return Fail(Code::kUnavailable, "the runner is stopping");
  try {
    std::thread([state = state_, work = std::move(work)] {
      Done done = work();
      const std::lock_guard inner(state->mutex);
      if (state->loop) asio::post(*state->loop, std::move(done));
      --state->running;
      state->ended.notify_all();
    }).detach();
  } catch (const std::system_error& error) {
    return Fail(Code::kUnavailable, std::string("start a thread: ") + error.what());
  }
  ++state_->running;
  return {};
}

}  // namespace vm0::runner
