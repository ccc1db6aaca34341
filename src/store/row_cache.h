// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

namespace vm0::store {

// How often the rows that are cached have changed, as far as a connection can see. Any thread.
using Version = std::atomic<std::uint64_t>;

// Rows that were read, until any of them changes: then all are forgotten. For rows that are read
// with each request and seldom change. Owned by one connection's store, used by its thread.
template <class Key, class Row>
class RowCache {
 public:
  explicit RowCache(const Version& version) : version_(version) {}

  // Valid until the next call.
  const Row* Find(const Key& key) {
    const std::uint64_t version = version_.load();
    if (version != seen_) {
      Clear();
      seen_ = version;
    }
    const auto found = rows_.find(key);
    return found != rows_.end() ? &found->second : nullptr;
  }
  // A row that was read after a Find that gave nothing; `bytes` is about what it takes. A change
  // that came in between is seen by the next Find.
  void Keep(const Key& key, const Row& row, std::size_t bytes) {
    if (bytes_ + bytes > kMostBytes) Clear();
    if (bytes > kMostBytes) return;
    bytes_ += bytes;
    rows_.insert_or_assign(key, row);
  }

 private:
  static constexpr std::size_t kMostBytes = std::size_t{8} << 20;

  void Clear() {
    rows_.clear();
    bytes_ = 0;
  }

  const Version& version_;
  std::uint64_t seen_ = 0;
  std::size_t bytes_ = 0;
  std::unordered_map<Key, Row> rows_;
};

}  // namespace vm0::store
