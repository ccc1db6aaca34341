// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <utility>

namespace vm0::os {

namespace asio = boost::asio;

template <class T>
asio::awaitable<T> CallOnce(std::function<T()> work) {
  co_return work();
}

// Runs blocking work on a thread of `pool`; the caller goes on with its result on its own loop.
// `work` owns all that it uses.
template <class T>
asio::awaitable<T> Offload(asio::thread_pool& pool, std::function<T()> work) {
  auto call = CallOnce<T>(std::move(work));
  co_return co_await asio::co_spawn(pool, std::move(call), asio::use_awaitable);
}

}  // namespace vm0::os
