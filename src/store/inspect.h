// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace vm0::store {

// What a database holds, to be told and compared.
struct DatabaseFacts {
  int schema = 0;
  std::int64_t runs = 0;
};
// Looks at every page of the database `path`, which nobody uses. kBadRequest when it is damaged or
// none of ours, kConflict when a newer vm0 wrote it; else what kept it from being read.
Result<DatabaseFacts> InspectDatabase(const std::string& path);

}  // namespace vm0::store
