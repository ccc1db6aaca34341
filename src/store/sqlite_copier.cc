// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_copier.h"

#include <fcntl.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "os/disk.h"
#include "os/fault.h"
#include "store/sqlite.h"

namespace vm0::store {
namespace {

std::string CopyOf(const std::string& path) { return path + ".copy"; }

}  // namespace

Status RemoveCopy(const std::string& path) { return os::Remove(CopyOf(path)); }

SqliteCopier::SqliteCopier(std::string path, asio::any_io_executor executor)
    : path_(std::move(path)), executor_(std::move(executor)) {}

SqliteCopier::~SqliteCopier() = default;

void SqliteCopier::Start(std::stop_token stop, Database::CopyDone done) {
  if (is_busy_.exchange(true)) {
    asio::post(executor_, [done = std::move(done)] {
      done(Fail(Code::kConflict, "another backup is being made; wait for its end"));
    });
    return;
  }
  auto work = asio::make_work_guard(executor_);
  thread_ = std::jthread([this, work = std::move(work), stop = std::move(stop),
                          done = std::move(done)](const std::stop_token& own) mutable {
    auto copy = std::make_shared<Result<os::Fd>>(Copy(own, stop));
    is_busy_ = false;
    asio::post(executor_, [copy, done = std::move(done)] { done(std::move(*copy)); });
    work.reset();
  });
}

Result<os::Fd> SqliteCopier::Copy(const std::stop_token& own,
                                  const std::stop_token& callers) const {
  const auto is_unwanted = [&] { return own.stop_requested() || callers.stop_requested(); };
  if (is_unwanted()) return Fail(Code::kUnavailable, "the copy of the database was given up");
  const std::string copy = CopyOf(path_);
  // Empty, so that SQLite finds it with our mode.
  VM0_TRY(os::OpenForWriting(copy, O_CREAT | O_EXCL));
  Status made;
  {
    VM0_ASSIGN(const auto connection, SqliteConnection::Open(path_));
    connection->GiveUpWhen(is_unwanted);
    made = connection->Query("VACUUM INTO ?").Bind(std::string_view(copy)).Run();
  }
  (void)os::FaultFails("store.copied");
  os::Fd file(::open(copy.c_str(), O_RDONLY | O_CLOEXEC));
  const Status opened = file.is_open() ? Status() : Fail(SystemError("open", copy));
  VM0_TRY(os::Remove(copy));
  VM0_TRY(made);
  VM0_TRY(opened);
  return file;
}

}  // namespace vm0::store
