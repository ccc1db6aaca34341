// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "options.h"

namespace load {

// One connection to a peer that asks it to store records, one request at a time.
class Appender {
 public:
  virtual ~Appender() = default;

  virtual int fd() const = 0;
  // Sends a request with so many stamped records.
  virtual void Append() = 0;
  // Reads what has come; true when the answer is whole. Ends the program when it is a refusal.
  virtual bool Answered() = 0;
};

// `number` of the connection chooses its target. Peers: vm0, durable, node, poll (HTTP); get (a
// plain GET of the target); redis; postgres, postgres-gapless.
std::unique_ptr<Appender> MakeAppender(const Options& options, int number);

}  // namespace load
