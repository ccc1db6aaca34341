// SPDX-License-Identifier: Apache-2.0
#include "api/open_waits.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace vm0::api {

OpenWaits::Ticket::Ticket(const OpenWaits& waits, Kind kind, std::function<void()> end)
    : state_(waits.state_), id_(state_->next_id++) {
  if (state_->ended) end();
  state_->waits.emplace(id_, Wait{kind, std::move(end)});
}

OpenWaits::Ticket::~Ticket() { state_->waits.erase(id_); }

void OpenWaits::EndAll() {
  state_->ended = true;
  // A wait that ends may remove its ticket at once.
  std::vector<std::function<void()>> ends;
  for (const auto& [id, wait] : state_->waits) ends.push_back(wait.end);
  for (const auto& end : ends) end();
}

std::size_t OpenWaits::reads() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      state_->waits, [](const auto& entry) { return entry.second.kind == Kind::kRead; }));
}

}  // namespace vm0::api
