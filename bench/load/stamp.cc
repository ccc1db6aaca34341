// SPDX-License-Identifier: Apache-2.0
#include "stamp.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace load {

std::int64_t Now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

std::string StampedRecord(int bytes) {
  char stamp[kStampBytes + 1];
  std::snprintf(stamp, sizeof stamp, "stamp_%019lld", static_cast<long long>(Now()));
  std::string record = R"({"type":"text","part":{"text":")";
  record += stamp;
  const std::size_t have = record.size() + 3;
  if (static_cast<std::size_t>(bytes) > have) record.append(bytes - have, 'x');
  return record + R"("}})";
}

void StampFinder::Feed(std::string_view bytes, const std::function<void(std::int64_t)>& found) {
  rest_.append(bytes);
  const std::string_view text = rest_;
  std::size_t at = 0;
  for (std::size_t next; (next = text.find("stamp_", at)) != text.npos; at = next + kStampBytes) {
    if (next + kStampBytes > text.size()) break;
    std::int64_t time = 0;
    std::from_chars(text.data() + next + 6, text.data() + next + kStampBytes, time);
    found(time);
  }
  const std::size_t keep = std::min(text.size() - std::min(at, text.size()), kStampBytes - 1);
  rest_.erase(0, rest_.size() - keep);
}

}  // namespace load
