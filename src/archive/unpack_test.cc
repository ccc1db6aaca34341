// SPDX-License-Identifier: Apache-2.0
#include "archive/unpack.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "archive/test_archive.h"
#include "os/test_directory.h"

namespace vm0::archive {
namespace {

using os::ReadText;
using os::WriteText;
using testing::HasSubstr;

constexpr std::size_t kTypeByte = 156;

struct UnpackTest : testing::Test {
  std::string UnpackTar(std::string_view tar, const Limits& limits = {}) {
    EXPECT_TRUE(Compress(file, std::string(tar) + EndOfArchive()));
    return UnpackFile(limits);
  }
  // Why it was refused; empty when it was not.
  std::string UnpackFile(const Limits& limits = {}) {
    EXPECT_TRUE(os::RemoveTree(to));
    const auto unpacked = Unpack(file, to, limits);
    EXPECT_EQ(ReadText(outside / "precious"), "precious");
    EXPECT_FALSE(std::filesystem::exists(outside / "new"));
    if (unpacked) return "";
    EXPECT_EQ(unpacked.error().code, Code::kBadRequest);
    return unpacked.error().message;
  }
  void SetUp() override {
    ASSERT_TRUE(os::MakeDirs(outside));
    WriteText(outside / "precious", "precious");
  }

  os::TestDirectory directory;
  const std::filesystem::path to = directory.path() / "to";
  const std::filesystem::path outside = directory.path() / "outside";
  const std::filesystem::path file = directory.path() / "x.tar.gz";
};

TEST_F(UnpackTest, TakesFilesFoldersAndLinks) {
  EXPECT_EQ(UnpackTar(FormatEntry(FolderEntry("./")) + FormatFile("./a", "A") +
                      FormatEntry(FolderEntry("f/")) + FormatFile("f/b", "B") +
                      FormatEntry(LinkEntry("l", "f/b")) + FormatFile("z", "Z")),
            "");
  EXPECT_EQ(ReadText(to / "a"), "A");
  EXPECT_EQ(ReadText(to / "l"), "B");
  EXPECT_EQ(ReadText(to / "z"), "Z");
}

TEST_F(UnpackTest, RefusesNamesThatLeadOutside) {
  const std::string absolute = (outside / "new").string();
  for (const std::string& path :
       {absolute, std::string("../outside/new"), std::string("f/../../outside/new"),
        std::string(".."), std::string("f/.."), std::string(".//../outside/new")}) {
    EXPECT_THAT(UnpackTar(FormatEntry(FolderEntry("f")) + FormatFile(path, "x")),
                HasSubstr(path.substr(path.starts_with("./") ? 2 : 0) + ": leads out"));
  }
  EXPECT_THAT(UnpackTar(FormatFile(std::string(150, 'a') + "/../x", "x")), HasSubstr("leads out"));
}

TEST_F(UnpackTest, NeverGoesThroughALink) {
  const std::string link = FormatEntry(LinkEntry("l", outside.string()));
  EXPECT_THAT(UnpackTar(link + FormatFile("l/new", "x")),
              HasSubstr("l/new: does not come behind its folder"));
  EXPECT_THAT(UnpackTar(link + FormatEntry(FolderEntry("l")) + FormatFile("l/new", "x")),
              HasSubstr("l: comes twice"));
  EXPECT_THAT(UnpackTar(link + FormatFile("l", "x")), HasSubstr("l: comes twice"));
  const std::string to_file = FormatEntry(LinkEntry("p", (outside / "precious").string()));
  EXPECT_THAT(UnpackTar(to_file + FormatFile("p", "x")), HasSubstr("p: comes twice"));
  const std::string dangling = FormatEntry(LinkEntry("n", (outside / "new").string()));
  EXPECT_THAT(UnpackTar(dangling + FormatFile("n", "x")), HasSubstr("n: comes twice"));
}

TEST_F(UnpackTest, TakesNoHardLinksDevicesPipesOrStrangers) {
  std::string link = FormatEntry(LinkEntry("h", (outside / "precious").string()));
  EXPECT_THAT(UnpackTar(WithByte(link, kTypeByte, '1')), HasSubstr("h: is a hard link"));
  const std::string plain = FormatEntry(FileEntry("d"));
  for (const char type : {'3', '4', '6'}) {
    EXPECT_THAT(UnpackTar(WithByte(plain, kTypeByte, type)), HasSubstr("d: is a device or a pipe"));
  }
  for (const char type : {'7', 'L', 'S', 'g', '\x80'}) {
    EXPECT_THAT(UnpackTar(WithByte(plain, kTypeByte, type)), HasSubstr("d: is of a kind"));
  }
}

TEST_F(UnpackTest, TakesEachNameOnceAndBehindItsFolder) {
  EXPECT_THAT(UnpackTar(FormatFile("a", "1") + FormatFile("a", "2")), HasSubstr("a: comes twice"));
  const std::string folder = FormatEntry(FolderEntry("f"));
  EXPECT_THAT(UnpackTar(folder + folder), HasSubstr("f: comes twice"));
  EXPECT_THAT(UnpackTar(folder + FormatFile("a", "1") + FormatFile("f/b", "2")),
              HasSubstr("f/b: does not come behind its folder"));
  EXPECT_THAT(UnpackTar(FormatFile("f", "1") + FormatFile("f/b", "2")),
              HasSubstr("f/b: does not come behind its folder"));
  for (const char* path : {"", "f/", "f//", "f/./"}) {
    EXPECT_NE(UnpackTar(folder + FormatFile(path, "x")), "") << path;
  }
}

TEST_F(UnpackTest, DropsSetUidBits) {
  const std::string program = WithByte(FormatEntry(FileEntry("p")), 103, '6');
  EXPECT_EQ(UnpackTar(program), "");
  struct stat found {};
  ASSERT_EQ(::stat((to / "p").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0644u);
}

TEST_F(UnpackTest, EndsAtTheLimits) {
  std::string many;
  for (int n = 0; n < 100; ++n) many += FormatEntry(FolderEntry("f" + std::to_string(n)));
  EXPECT_EQ(UnpackTar(many, {.files = 100}), "");
  EXPECT_EQ(UnpackTar(many, {.files = 99}), "f99: there are more than 99 files and folders");
  const std::string bomb = FormatFile("zeros", std::string(10 << 20, '\0'));
  EXPECT_EQ(UnpackTar(bomb, {.bytes = 1 << 20}), "zeros: the files have more than 1048576 bytes");
  EXPECT_EQ(std::filesystem::exists(to / "zeros"), false) << "not even begun";
  EXPECT_EQ(UnpackTar(FormatFile("a", "123") + FormatFile("b", "12"), {.bytes = 4}),
            "b: the files have more than 4 bytes");
  const std::string huge = FormatEntry(FileEntry("huge", INT64_MAX));
  EXPECT_THAT(UnpackTar(FormatFile("a", "1") + huge, {.bytes = 4}), HasSubstr("huge: "));
}

TEST_F(UnpackTest, EndsWhereAnExtendedHeaderIsABomb) {
  std::string header = FormatEntry(FileEntry("x", 1 << 30)).substr(0, kBlock);
  header = WithByte(header, kTypeByte, 'x');
  EXPECT_EQ(UnpackTar(header), "an extended header is too large");
  const std::string extended = FormatEntry(FileEntry(std::string(200, 'n')));
  const std::string extension = extended.substr(0, 2 * kBlock);
  EXPECT_EQ(UnpackTar(extension + extended), "an extended header has no entry behind it");
  EXPECT_EQ(UnpackTar(extension), "an extended header has no entry behind it");
}

TEST_F(UnpackTest, RefusesWhatIsNestedTooDeep) {
  std::string tar;
  std::string path = "d";
  for (int level = 0; level < 201; ++level, path += "/d") tar += FormatEntry(FolderEntry(path));
  EXPECT_THAT(UnpackTar(tar), HasSubstr("is nested too deep"));
}

TEST_F(UnpackTest, RefusesWhatIsCutShortAnywhere) {
  ASSERT_TRUE(Compress(file, FormatFile("a", std::string(1000, 'a')) + EndOfArchive()));
  const std::string whole = ReadText(file);
  ASSERT_EQ(UnpackFile(), "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    WriteText(file, whole.substr(0, size));
    EXPECT_THAT(UnpackFile(), HasSubstr("cut short")) << size;
  }
  WriteText(file, whole + "x");
  EXPECT_EQ(UnpackFile(), "something follows the archive in its file");
  // Whole as gzip, but not as tar.
  ASSERT_TRUE(Compress(file, FormatFile("a", "1")));
  EXPECT_THAT(UnpackFile(), HasSubstr("cut short"));
  ASSERT_TRUE(Compress(file, FormatEntry(FileEntry("a", 5000))));
  EXPECT_EQ(UnpackFile(), "a: the archive is cut short");
}

TEST_F(UnpackTest, RefusesGarbageAndDamage) {
  WriteText(file, std::string(2000, 'g'));
  EXPECT_EQ(UnpackFile(), "the archive is no gzip file, or damaged");
  EXPECT_EQ(UnpackTar(std::string(2000, 'g')), "a header is damaged, or this is no tar archive");
  EXPECT_EQ(UnpackTar(EndOfArchive() + FormatFile("a", "1")),
            "something follows the end of the archive");
  EXPECT_EQ(UnpackTar(std::string(1 << 20, '\0')), "something follows the end of the archive");
  ASSERT_TRUE(Compress(file, FormatFile("a", "1") + EndOfArchive()));
  std::string damaged = ReadText(file);
  damaged[damaged.size() - 6] ^= 1;
  WriteText(file, damaged);
  EXPECT_EQ(UnpackFile(), "the archive is no gzip file, or damaged") << "its checksum";
}

TEST_F(UnpackTest, NamesThatOthersChoseAreHarmlessInMessages) {
  EXPECT_EQ(UnpackTar(FormatFile("../\x1b[2J\xff\n", "x")), "../?[2J??: leads out of the folder");
}

TEST_F(UnpackTest, EndsEarlyWhenTold) {
  ASSERT_TRUE(Compress(file, FormatFile("a", "1") + EndOfArchive()));
  const std::atomic<bool> stop = true;
  const auto unpacked = Unpack(file, to, {.stop = &stop});
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().code, Code::kUnavailable);
}

TEST_F(UnpackTest, RefusesAFolderThatIsThere) {
  ASSERT_TRUE(Compress(file, FormatFile("new", "x") + EndOfArchive()));
  EXPECT_FALSE(Unpack(file, outside, {}));
  std::filesystem::create_directory_symlink(outside, to);
  EXPECT_FALSE(Unpack(file, to, {}));
  EXPECT_FALSE(std::filesystem::exists(outside / "new"));
}

}  // namespace
}  // namespace vm0::archive
