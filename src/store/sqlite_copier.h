// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "store/database.h"

namespace vm0::store {

// Removes the copy of the database `path` that a dead process has left. The caller has its lock.
Status RemoveCopy(const std::string& path);

// Copies a database that is in use, on a thread and a connection of its own: a reader of the
// write-ahead log, which holds up no writer. Loop thread only; one copy at a time.
class SqliteCopier {
 public:
  SqliteCopier(std::string path, asio::any_io_executor executor);
  // Gives up the copy that is being made; its `done` is left in the executor's queue.
  ~SqliteCopier();
  SqliteCopier(const SqliteCopier&) = delete;
  SqliteCopier& operator=(const SqliteCopier&) = delete;

  // As Database::StartCopy.
  void Start(std::stop_token stop, Database::CopyDone done);

 private:
  // On the thread.
  Result<os::Fd> Copy(const std::stop_token& own, const std::stop_token& callers) const;

  const std::string path_;
  const asio::any_io_executor executor_;
  std::atomic<bool> is_busy_ = false;
  std::jthread thread_;
};

}  // namespace vm0::store
