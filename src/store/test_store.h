// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event/record.h"
#include "store/database.h"

// For the tests of store, feed and run.
namespace vm0::store {

// A directory that is removed with all in it.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "vm0-store-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Runs the loop until the coroutine has ended; other coroutines may go on waiting.
template <class T>
T Await(asio::io_context& loop, asio::awaitable<T> coroutine) {
  std::optional<T> result;
  asio::co_spawn(loop, std::move(coroutine), [&](std::exception_ptr failure, T value) {
    EXPECT_EQ(failure, nullptr);
    result = std::move(value);
  });
  loop.restart();
  while (!result) loop.run_one();
  return std::move(*result);
}

// A database in a directory of its own, and the loop that it uses.
class TestStore {
 public:
  TestStore() { Open(); }
  void Open() {
    auto opened = OpenSqlite(path(), loop.get_executor());
    ASSERT_TRUE(opened) << opened.error().message;
    database = std::move(*opened);
  }
  // As a restart of the server.
  void Reopen() {
    database.reset();
    Open();
  }
  std::string path() const { return dir / "vm0.db"; }
  Stores& reader() { return database->reader(); }

  // One work, committed.
  template <class Function>
  auto Write(Function function) {
    using Outcome = std::invoke_result_t<Function, Stores&>;
    std::function<Outcome(Stores&)> work = function;
    return Await(loop, database->Write(std::move(work)));
  }

  TempDir dir;
  asio::io_context loop;
  std::unique_ptr<Database> database;
};

inline WallTime TimeOf(std::int64_t micros) { return WallTime(Micros(micros)); }

inline Run MakeRun(std::int64_t micros = 1'000'000, const std::string& user = "user") {
  Run run;
  run.created_at = TimeOf(micros);
  run.id = RunId::New(run.created_at);
  run.user_id = user;
  run.agent_name = "claude-code";
  run.provider = "claude-code";
  run.dialect = "claude-code";
  run.prompt = "say hello";
  run.spec = "{\"v\":1}";
  return run;
}

// Inserts a run that is `running` and started.
inline Run InsertRunning(TestStore& store) {
  Run run = MakeRun();
  run.status = RunStatus::kRunning;
  run.attempt = 1;
  run.started = true;
  run.started_at = run.created_at;
  const auto inserted = store.Write([run](Stores& s) { return s.runs.InsertRun(run); });
  EXPECT_TRUE(inserted);
  return run;
}

inline std::string JsonOf(std::int64_t sequence) {
  return "{\"type\":\"assistant\",\"n\":" + std::to_string(sequence) + "}";
}

// Records first..last as a supervisor sends them.
inline std::string BodyOf(std::int64_t first, std::int64_t last) {
  std::string body;
  for (std::int64_t i = first; i <= last; ++i) {
    event::AppendRecord(body, i, TimeOf(1'000'000 + i), event::Source::kAgent, JsonOf(i));
  }
  return body;
}

}  // namespace vm0::store
