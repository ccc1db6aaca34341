// SPDX-License-Identifier: Apache-2.0
// Any bytes are read as gzip, or refused: with memory that is bounded, and to their end alone.
#include <string>

#include "archive/gzip_reader.h"
#include "base/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vm0;
  auto file = os::MakeMemFile("fuzz", fuzz::View(data, size));
  fuzz::Expect(file.has_value(), "there is a file");
  archive::GzipReader reader(*std::move(file));
  std::string block(64 << 10, '\0');
  for (;;) {
    const auto count = reader.Read(block.data(), block.size());
    if (!count) return 0;
    fuzz::Expect(*count <= block.size(), "no more than was asked for");
    if (*count < block.size()) break;
  }
  fuzz::Expect(reader.Read(block.data(), 1).value_or(1) == 0, "the end stays the end");
  return 0;
}
