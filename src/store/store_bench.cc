// SPDX-License-Identifier: Apache-2.0
// What it costs to store events durably, without HTTP: this store beside RocksDB, which syncs its
// log with each write. Both on the same disk, in /var/tmp.
#include <benchmark/benchmark.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>

#include "store/database.h"

namespace vm0::store {
namespace {

constexpr std::size_t kRecordBytes = 1000;

class Folder {
 public:
  Folder() {
    std::string pattern = "/var/tmp/vm0-store-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string Json() { return R"({"type":"text","text":")" + std::string(kRecordBytes, 'x') + "\"}"; }

template <class T>
T Must(Result<T> result) {
  if (!result) std::abort();
  return *std::move(result);
}

// One run, batches of range(0) events, each batch a commit.
void AppendVm0(benchmark::State& state) {
  const Folder folder;
  boost::asio::io_context loop;
  const auto database = Must(OpenSqlite(folder / "vm0.db", loop.get_executor()));
  Run run;
  run.id = RunId::New(WallTime(Micros(1)));
  run.user_id = "user";
  run.status = RunStatus::kRunning;
  const auto commit = [&](const Database::Work& work) {
    Status outcome;
    database->Submit(work, [&](Status status) { outcome = std::move(status); });
    loop.restart();
    loop.run();
    if (!outcome) std::abort();
  };
  commit([&](Stores& stores) { return stores.runs.InsertRun(run); });
  const std::string json = Json();
  std::int64_t next = 1;
  for (auto _ : state) {
    std::string body;
    for (std::int64_t i = 0; i < state.range(0); ++i)
      event::AppendRecord(body, next++, WallTime(Micros(next)), event::Source::kAgent, json);
    commit([&](Stores& stores) -> Status {
      VM0_ASSIGN(const auto records, event::ParseRecords(body));
      VM0_TRY(stores.events.Append(run.id, records));
      return {};
    });
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void AppendRocksDb(benchmark::State& state) {
  const Folder folder;
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, folder / "rocks", &opened).ok()) std::abort();
  const std::unique_ptr<rocksdb::DB> database(opened);
  rocksdb::WriteOptions write;
  write.sync = true;
  const std::string json = Json();
  std::uint64_t next = 1;
  for (auto _ : state) {
    rocksdb::WriteBatch batch;
    for (std::int64_t i = 0; i < state.range(0); ++i, ++next) {
      std::string key = "0123456789abcdef";  // the run
      for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(next >> shift);
      batch.Put(key, json);
    }
    if (!database->Write(write, &batch).ok()) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(AppendVm0)->Arg(1)->Arg(100)->UseRealTime();
BENCHMARK(AppendRocksDb)->Arg(1)->Arg(100)->UseRealTime();

}  // namespace
}  // namespace vm0::store
