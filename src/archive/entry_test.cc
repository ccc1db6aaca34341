// SPDX-License-Identifier: Apache-2.0
#include "archive/entry.h"

#include <gtest/gtest.h>

#include "archive/test_archive.h"

namespace vm0::archive {
namespace {

Entry RoundTrip(const Entry& entry) {
  std::string_view blocks;
  const std::string text = FormatEntry(entry);
  blocks = text;
  Extension extension;
  auto header = ParseHeader(blocks.substr(0, kBlock));
  if (header && header->kind == Header::Kind::kExtension) {
    const auto size = static_cast<std::size_t>(header->size);
    auto parsed = ParseExtension(blocks.substr(kBlock, size));
    EXPECT_TRUE(parsed) << parsed.error().message;
    extension = *parsed;
    header = ParseHeader(blocks.substr(blocks.size() - kBlock));
  }
  EXPECT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->kind, Header::Kind::kEntry);
  Extend(header->entry, extension);
  return header->entry;
}

TEST(Entry, ComesBackAsItWas) {
  Entry entry = FileEntry("a/b", 7);
  entry.changed = {.tv_sec = 1'763'625'600, .tv_nsec = 5};
  EXPECT_EQ(RoundTrip(entry), entry);
  entry.changed.tv_nsec = 0;
  EXPECT_EQ(RoundTrip(entry), entry);
  EXPECT_EQ(FormatEntry(entry).size(), kBlock) << "nothing to extend";
  EXPECT_EQ(RoundTrip(FolderEntry("f")), FolderEntry("f"));
  EXPECT_EQ(RoundTrip(LinkEntry("l", "../x")), LinkEntry("l", "../x"));
}

TEST(Entry, ComesBackWithLongNamesAndSizes) {
  for (const std::size_t size : {99u, 100u, 101u, 985u, 986u, 987u, 9985u, 30'000u}) {
    EXPECT_EQ(RoundTrip(FileEntry(std::string(size, 'n'))), FileEntry(std::string(size, 'n')));
    const Entry link = LinkEntry("l", std::string(size, 't'));
    EXPECT_EQ(RoundTrip(link), link);
  }
  const Entry huge = FileEntry("huge", std::int64_t{1} << 40);
  EXPECT_EQ(RoundTrip(huge), huge);
  EXPECT_EQ(RoundTrip(FileEntry("\xff\n=7")).path, "\xff\n=7") << "any bytes";
}

TEST(Entry, TimesBeforeTheEpochBecomeIt) {
  Entry entry = FileEntry("old");
  entry.changed = {.tv_sec = -5, .tv_nsec = 7};
  EXPECT_EQ(RoundTrip(entry).changed.tv_sec, 0);
}

TEST(Entry, IsRefusedWhenItsHeaderIsDamaged) {
  std::string block = FormatEntry(FileEntry("a"));
  block[0] = 'b';
  EXPECT_FALSE(ParseHeader(block));
  EXPECT_FALSE(ParseHeader(std::string(kBlock, 'x')));
  EXPECT_FALSE(ParseHeader(WithByte(FormatEntry(FileEntry("a")), 124, 'x'))) << "a bad size";
  EXPECT_FALSE(ParseHeader(WithByte(FormatEntry(FileEntry("a")), 257, 'x'))) << "not pax";
  EXPECT_TRUE(ParseHeader(WithByte(FormatEntry(FileEntry("a")), 0, 'b')));
}

TEST(Extension, IsRefusedWhenItsRecordsAreDamaged) {
  for (const std::string_view records :
       {"x", "5", "0 a=b\n", "-1 a=b\n", "99 a=b\n", "7 a=b\n", "6 ab\n\n", "6 a=bc", "9 size=x\n",
        "10 size=-1\n", "11 mtime=1.x\n", "1 "}) {
    EXPECT_FALSE(ParseExtension(records)) << records;
  }
  EXPECT_FALSE(ParseExtension(std::string_view("10 path=\0\n", 10)));
  EXPECT_TRUE(ParseExtension("6 a=b\n")) << "what is unknown is passed over";
}

}  // namespace
}  // namespace vm0::archive
