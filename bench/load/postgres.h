// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "appender.h"

namespace load {

// Appends to `events (stream int, seq bigint, data text)` with a statement that is prepared once.
// postgres: the numbers are the client's; postgres-gapless: the database's, from a row of `streams`
// in the same statement.
std::unique_ptr<Appender> MakePostgresAppender(const Options& options, const std::string& stream);

// Reads pages through libpq.
class PostgresPages {
 public:
  PostgresPages(const std::string& connection, const std::string& stream);
  ~PostgresPages();
  PostgresPages(const PostgresPages&) = delete;

  // Ends the program unless there are 100 rows.
  void Read(std::int64_t since);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Executes the words of the command as statements, one after the other.
void ExecuteSql(const Options& options);

}  // namespace load
