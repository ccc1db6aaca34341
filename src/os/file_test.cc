// SPDX-License-Identifier: Apache-2.0
#include "os/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "os/disk.h"
#include "os/process.h"

namespace vm0::os {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  File() {
    char name[] = "/tmp/vm0-file-XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~File() override { fs::remove_all(directory_); }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  fs::path directory_;
};
using Lock = File;

mode_t ModeOf(const fs::path& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0);
  return found.st_mode & 07777;
}

TEST_F(File, RoundTripsBytesWithTheModeAskedFor) {
  std::string bytes(300'000, 'x');
  bytes[7] = '\0';
  ASSERT_TRUE(WriteFileAtomic(directory_ / "a", bytes));
  EXPECT_EQ(ReadFile(directory_ / "a").value(), bytes);
  EXPECT_EQ(ModeOf(directory_ / "a"), 0600u);
  ::umask(077);
  ASSERT_TRUE(WriteFileAtomic(directory_ / "a", "new", 0644));
  EXPECT_EQ(ReadFile(directory_ / "a").value(), "new");
  EXPECT_EQ(ModeOf(directory_ / "a"), 0644u);
  EXPECT_EQ(Names().size(), 1u);
}

TEST_F(File, TellsAbsentFromUnreadableAndTooLarge) {
  EXPECT_EQ(ReadFile(directory_ / "none").error().code, Code::kNotFound);
  EXPECT_EQ(ReadFile(directory_).error().code, Code::kIo);
  ASSERT_TRUE(WriteFileAtomic(directory_ / "a", "12345"));
  EXPECT_TRUE(ReadFile(directory_ / "a", 5));
  EXPECT_EQ(ReadFile(directory_ / "a", 4).error().code, Code::kPayloadTooLarge);
}

TEST_F(File, ReadAllStartsAtTheStartWhateverThePosition) {
  const Fd file = MakeMemFile("m", "content").value();
  ASSERT_EQ(::lseek(file.get(), 3, SEEK_SET), 3);
  EXPECT_EQ(ReadAll(file.get()).value(), "content");
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 3);
}

TEST_F(File, MakesMissingDirectoriesPrivate) {
  ASSERT_TRUE(MakeDirs(directory_ / "a/b/c/"));
  ASSERT_TRUE(MakeDirs(directory_ / "a/b/c"));
  EXPECT_EQ(ModeOf(directory_ / "a/b"), 0700u);
  ASSERT_TRUE(WriteFileAtomic(directory_ / "file", ""));
  EXPECT_FALSE(MakeDirs(directory_ / "file"));
  EXPECT_FALSE(MakeDirs(directory_ / "file/below"));
}

TEST_F(File, RemovesFilesAndEmptyDirectoriesAndWhatIsNotThere) {
  ASSERT_TRUE(MakeDirs(directory_ / "d/e"));
  EXPECT_FALSE(Remove(directory_ / "d"));
  EXPECT_TRUE(Remove(directory_ / "d/e"));
  EXPECT_TRUE(Remove(directory_ / "d"));
  EXPECT_TRUE(Remove(directory_ / "d"));
}

// This program again writes the file, under a fault that its environment names: test_main_test.cc.
ExitStatus WriteInOtherProcess(const fs::path& file, std::map<std::string, std::string> faults) {
  const Fd self = OpenSelf().value();
  SpawnOptions options;
  options.executable = "/proc/self/fd/" + std::to_string(self.get());
  options.argv = {"os_test", "write-file", file};
  options.environment = std::move(faults);
  const auto child = Spawn(options);
  EXPECT_TRUE(child) << child.error().message;
  return Wait(child->pid).value();
}

TEST_F(File, IsOldOrNewWhereverTheWriterIsKilled) {
  const fs::path file = directory_ / "f";
  for (const std::string point : {"file.write", "file.sync", "file.rename"}) {
    ASSERT_TRUE(WriteFileAtomic(file, "old"));
    EXPECT_EQ(WriteInOtherProcess(file, {{"VM0_FAULT", point + ":crash"}}).signal, SIGKILL);
    EXPECT_EQ(ReadFile(file).value(), "old") << point;
  }
  const auto status = WriteInOtherProcess(file, {{"VM0_FAULT", "file.sync_directory:crash"}});
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_EQ(ReadFile(file).value(), "new");
}

TEST_F(File, LeavesNoTemporaryFileWhenWritingFails) {
  const fs::path file = directory_ / "f";
  ASSERT_TRUE(WriteFileAtomic(file, "old"));
  for (const std::string point : {"file.write", "file.sync", "file.rename"}) {
    EXPECT_EQ(WriteInOtherProcess(file, {{"VM0_FAULT", point + ":fail"}}).code, 1);
    EXPECT_EQ(ReadFile(file).value(), "old") << point;
    EXPECT_EQ(Names().size(), 1u);
  }
}

TEST_F(File, FaultFiresOnceWhenAFileKeepsCount) {
  const fs::path file = directory_ / "f";
  const std::string once = directory_ / "once";
  const std::map<std::string, std::string> faults = {{"VM0_FAULT", "other:hang,file.write:crash@1"},
                                                     {"VM0_FAULT_ONCE_FILE", once}};
  EXPECT_EQ(WriteInOtherProcess(file, faults).signal, SIGKILL);
  EXPECT_EQ(WriteInOtherProcess(file, faults).code, 0);
  EXPECT_EQ(WriteInOtherProcess(file, {{"VM0_FAULT", "file.write:crash@2"}}).code, 0);
  EXPECT_EQ(WriteInOtherProcess(file, {{"VM0_FAULT", "file.write:explode"}}).code, 99);
}

TEST_F(File, ArmedFaultIsTakenByTheOneProcessThatPassesFirst) {
  const fs::path file = directory_ / "f";
  const std::string armed = directory_ / "armed";
  const std::map<std::string, std::string> faults = {{"VM0_FAULT_FILE", armed}};
  EXPECT_EQ(WriteInOtherProcess(file, faults).code, 0);
  std::ofstream(armed) << "file.write:crash@1 first";
  EXPECT_EQ(WriteInOtherProcess(file, faults).signal, SIGKILL);
  EXPECT_FALSE(fs::exists(armed));
  EXPECT_EQ(WriteInOtherProcess(file, faults).code, 0);
  std::ofstream(armed) << "file.write:crash@2 second";
  EXPECT_EQ(WriteInOtherProcess(file, faults).code, 0);
  EXPECT_TRUE(fs::exists(armed));
}

TEST_F(File, AFaultThatStopsGoesOnWhenContinued) {
  const Fd self = OpenSelf().value();
  SpawnOptions options;
  options.executable = "/proc/self/fd/" + std::to_string(self.get());
  options.argv = {"os_test", "write-file", directory_ / "f"};
  options.environment = {{"VM0_FAULT", "file.write:stop"}};
  const auto child = Spawn(options);
  ASSERT_TRUE(child);
  int status = 0;
  ASSERT_EQ(::waitpid(child->pid, &status, WUNTRACED), child->pid);
  EXPECT_TRUE(WIFSTOPPED(status));
  EXPECT_FALSE(fs::exists(directory_ / "f"));
  ::kill(child->pid, SIGCONT);
  EXPECT_EQ(Wait(child->pid).value().code, 0);
  EXPECT_TRUE(fs::exists(directory_ / "f"));
}

TEST_F(Lock, IsHeldUntilDestroyed) {
  const fs::path path = directory_ / "lock";
  auto lock = FileLock::TryAcquire(path).value();
  ASSERT_TRUE(lock);
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_FALSE(FileLock::TryAcquire(path).value());
  ASSERT_TRUE(lock->Describe("pid 123456\n"));
  ASSERT_TRUE(lock->Describe("pid 7\n"));
  EXPECT_EQ(ReadFile(path).value(), "pid 7\n");
  lock.reset();
  EXPECT_TRUE(FileLock::TryAcquire(path).value());
}

TEST_F(Lock, OfAnotherProcessIsFreeWhenThatIsKilled) {
  const fs::path path = directory_ / "lock";
  Pipe ready = MakePipe().value();
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto lock = FileLock::TryAcquire(path);
    (void)WriteAll(ready.write.get(), lock && *lock ? "y" : "n");
    for (;;) ::pause();
  }
  char held = 0;
  ASSERT_EQ(::read(ready.read.get(), &held, 1), 1);
  ASSERT_EQ(held, 'y');
  EXPECT_FALSE(FileLock::TryAcquire(path).value());
  ::kill(pid, SIGKILL);
  ASSERT_TRUE(Wait(pid));
  EXPECT_TRUE(FileLock::TryAcquire(path).value());
}

TEST_F(Lock, IsNotInheritedByChildren) {
  const fs::path path = directory_ / "lock";
  auto lock = FileLock::TryAcquire(path).value();
  Pipe input = MakePipe().value();
  const auto child =
      Spawn({.executable = "/bin/cat", .argv = {"cat"}, .descriptors = {{0, input.read.get()}}});
  ASSERT_TRUE(child);
  lock.reset();
  EXPECT_TRUE(FileLock::TryAcquire(path).value());
  input.write.Close();
  EXPECT_TRUE(Wait(child->pid));
}

TEST_F(Lock, OnARemovedFileProvesNothing) {
  const fs::path path = directory_ / "lock";
  auto old = FileLock::TryAcquire(path).value();
  fs::remove(path);
  EXPECT_TRUE(FileLock::TryAcquire(path).value()) << "the name is free again";
  EXPECT_EQ(FileLock::TryAcquire(directory_ / "no/lock").error().code, Code::kIo);
}

}  // namespace
}  // namespace vm0::os
