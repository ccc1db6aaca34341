// SPDX-License-Identifier: Apache-2.0
#include "api/open_waits.h"

#include <utility>
#include <vector>

namespace vm0::api {

OpenWaits::Ticket::Ticket(const OpenWaits& waits, Kind kind, std::function<void()> end)
    : state_(waits.state_), id_(state_->next_id++), kind_(kind) {
  if (state_->ended) end();
  state_->waits.emplace(id_, std::move(end));
  ++state_->counts[static_cast<std::size_t>(kind_)];
}

OpenWaits::Ticket::~Ticket() {
  state_->waits.erase(id_);
  --state_->counts[static_cast<std::size_t>(kind_)];
  if (kind_ != Kind::kMachine && state_->clock != nullptr)
    state_->last_read_end = state_->clock->Now();
}

OpenWaits::OpenWaits(const os::Clock& clock) {
  state_->clock = &clock;
  state_->last_read_end = clock.Now();
}

OpenWaits::~OpenWaits() { state_->clock = nullptr; }

void OpenWaits::EndAll() {
  state_->ended = true;
  // A wait that ends may remove its ticket at once.
  std::vector<std::function<void()>> ends;
  for (const auto& [id, end] : state_->waits) ends.push_back(end);
  for (const auto& end : ends) end();
}

std::size_t OpenWaits::reads() const {
  return count(Kind::kLongPoll) + count(Kind::kSse) + count(Kind::kWebSocket) +
         count(Kind::kBackup);
}

}  // namespace vm0::api
