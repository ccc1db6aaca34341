// SPDX-License-Identifier: Apache-2.0
#include "http/streams.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "http/stream.h"

namespace vm0::http {
namespace {

constexpr std::size_t kTurnsAtOnce = 64;
constexpr Seconds kLull{1};
constexpr Seconds kEnding{2};

}  // namespace

Streams::Streams(asio::io_context& loop, os::Clock& clock, const ServerLimits& limits)
    : loop_(loop),
      silences_(clock, limits.silence),
      lulls_(clock, std::min<Micros>(kLull, limits.write / 2)),
      stalls_(clock, limits.write - std::min<Micros>(kLull, limits.write / 2)),
      endings_(clock, kEnding) {}

void Streams::Add(Stream& stream) {
  all_.insert(&stream);
  ++active_;
}

void Streams::Remove(Stream& stream) {
  all_.erase(&stream);
  if (stream.is_active()) --active_;
}

void Streams::OnInactive() {
  --active_;
  if (one_less_) one_less_();
}

void Streams::Enqueue(std::shared_ptr<Stream> stream) {
  queue_.push_back(std::move(stream));
  if (!posted_) Post();
}

void Streams::Post() {
  posted_ = true;
  // The stream holds what this belongs to.
  asio::post(loop_, [this, keep = queue_.front()] {
    posted_ = false;
    RunQueue();
  });
}

void Streams::RunQueue() {
  // Those that come back to the queue meanwhile wait for the next time.
  for (std::size_t turns = std::min(queue_.size(), kTurnsAtOnce); turns > 0; --turns) {
    if (queue_.empty()) return;
    const auto stream = std::move(queue_.front());
    queue_.pop_front();
    stream->Go();
  }
  if (!queue_.empty() && !posted_) Post();
}

void Streams::CloseAll() {
  std::vector<std::shared_ptr<Stream>> open;
  for (Stream* stream : all_) open.push_back(stream->shared_from_this());
  for (const auto& stream : open) stream->Close();
  queue_.clear();
}

}  // namespace vm0::http
