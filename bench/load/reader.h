// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "options.h"
#include "stamp.h"
#include "wire.h"

namespace load {

// One connection that is told of records as they are stored, from those stored after it has begun.
class Reader {
 public:
  using Found = std::function<void(std::int64_t stamp)>;

  Reader(const Options& options, const std::string& target)
      : options_(options), target_(target), wire_(options.address) {}
  virtual ~Reader() = default;

  int fd() const { return wire_.fd(); }
  virtual void Begin() = 0;
  virtual void OnReadable(const Found& found) = 0;
  // When it wants to be called without anything to read; it is called at that time.
  virtual std::int64_t wake_at() const { return INT64_MAX; }
  virtual void OnTime() {}

 protected:
  const Options& options_;
  const std::string target_;
  Wire wire_;
  StampFinder finder_;
};

// Peers: vm0, node (server-sent events), redis (XREAD BLOCK), poll (a GET, and 500 ms after each
// answer the next).
std::unique_ptr<Reader> MakeReader(const Options& options, const std::string& target);

}  // namespace load
