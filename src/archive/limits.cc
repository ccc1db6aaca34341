// SPDX-License-Identifier: Apache-2.0
#include "archive/limits.h"

#include <string>

namespace vm0::archive {

Status Meter::CountFile() {
  VM0_TRY(CheckStop());
  if (!limits_.files || ++files_ <= *limits_.files) return {};
  return Fail(Code::kBadRequest,
              "there are more than " + std::to_string(*limits_.files) + " files and folders");
}

Status Meter::CountBytes(std::int64_t bytes) {
  if (!limits_.bytes) return {};
  if (bytes <= *limits_.bytes - bytes_) {
    bytes_ += bytes;
    return {};
  }
  return Fail(Code::kBadRequest,
              "the files have more than " + std::to_string(*limits_.bytes) + " bytes");
}

Status Meter::CheckStop() const {
  if (limits_.stop == nullptr || !*limits_.stop) return {};
  return Fail(Code::kUnavailable, "stopped before the end");
}

}  // namespace vm0::archive
