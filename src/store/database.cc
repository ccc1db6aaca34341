// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>

namespace vm0::store {

asio::awaitable<Status> Database::Committed(Work work) {
  // No cancellation slot is used: a coroutine that is cancelled meanwhile still gets the outcome.
  auto submit = [this, &work](auto handler) {
    // std::function copies, a completion handler only moves.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    Submit(std::move(work), [shared](Status status) {
      auto resume = std::move(*shared);
      resume(std::move(status));
    });
  };
  auto token = asio::use_awaitable;
  co_return co_await asio::async_initiate<decltype(token), void(Status)>(submit, token);
}

asio::awaitable<Result<os::Fd>> Database::Copy(std::stop_token stop) {
  auto start = [this, stop](auto handler) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    StartCopy(stop, [shared](Result<os::Fd> copy) {
      auto resume = std::move(*shared);
      resume(std::move(copy));
    });
  };
  auto token = asio::use_awaitable;
  co_return co_await asio::async_initiate<decltype(token), void(Result<os::Fd>)>(start, token);
}

}  // namespace vm0::store
