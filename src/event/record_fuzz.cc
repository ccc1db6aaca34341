// SPDX-License-Identifier: Apache-2.0
// A body that parses is made again from its records, byte for byte.
#include <string>

#include "base/fuzz.h"
#include "event/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body = vm0::fuzz::View(data, size);
  const auto records = vm0::event::ParseRecords(body);
  if (!records) return 0;
  std::string again;
  for (const auto& record : *records) {
    vm0::event::AppendRecord(again, record.sequence, record.created_at, record.source, record.json);
  }
  vm0::fuzz::Expect(again == body, "records give their body back");
  return 0;
}
