// SPDX-License-Identifier: Apache-2.0
#pragma once

// The template of store/database.h; include that.

#include <optional>
#include <utility>

#include "store/database.h"

namespace vm0::store {

template <class T>
asio::awaitable<Result<T>> Database::Write(std::function<Result<T>(Stores&)> work) {
  // Shared with the queue, which may run the work after this coroutine was destroyed.
  struct Pending {
    std::function<Result<T>(Stores&)> work;
    std::optional<Result<T>> result;
  };
  auto pending = std::make_shared<Pending>();
  pending->work = std::move(work);
  Work run = [pending](Stores& stores) -> Status {
    pending->result.emplace(pending->work(stores));
    if (!*pending->result) return std::unexpected(pending->result->error());
    return {};
  };
  Status status = co_await Committed(std::move(run));
  if (!status) co_return std::unexpected(std::move(status).error());
  co_return std::move(*pending->result);
}

}  // namespace vm0::store
