// SPDX-License-Identifier: Apache-2.0
#include "sandbox/inside.h"

#include <gtest/gtest.h>

#include "os/file.h"
#include "sandbox/installation.h"
#include "sandbox/test_box.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

// A folder that only root can enter.
fs::path PrivateFolder(const TestBox& box) {
  const fs::path folder = box.folder() / "data" / "private";
  fs::create_directories(folder);
  return folder;
}

// These need a run's user who is not ourselves; an ordinary user sees all that he may see.
bool HasRunUser() { return ::geteuid() == 0; }

TEST(Inside, ReachesAnAgentThatOnlyRootCanEnter) {
  TestBox box;
  const fs::path modules = PrivateFolder(box) / "lib/node_modules";
  fs::create_directories(modules / "agent/node_modules/part");
  std::ofstream(modules / "agent/node_modules/part/file") << "part\n";
  WriteScript(modules / "agent/cli.sh",
              "#!/bin/sh\ncat \"$(dirname \"$(readlink -f \"$0\")\")/node_modules/part/file\"; "
              "echo \"$1\"\n");
  fs::create_directories(PrivateFolder(box) / "bin");
  fs::create_symlink("../lib/node_modules/agent/cli.sh", PrivateFolder(box) / "bin/agent");
  box.spec.argv = {PrivateFolder(box) / "bin/agent", "argument"};
  const auto end = box.Run();
  EXPECT_EQ(end.out, "part\nargument\n") << end.err << (end.end ? "" : end.end.error().message);
}

TEST(Inside, ReachesThemUnderAUmaskThatShutsOthersOut) {
  TestBox box;
  WriteScript(PrivateFolder(box) / "agent", "#!/bin/sh\necho reached\n");
  box.spec.argv = {PrivateFolder(box) / "agent"};
  const mode_t before = ::umask(077);
  const auto end = box.Run();
  ::umask(before);
  EXPECT_EQ(end.out, "reached\n") << end.err << (end.end ? "" : end.end.error().message);
}

TEST(Inside, ReachesAnInterpreterThatOnlyRootCanEnter) {
  TestBox box;
  const fs::path bin = PrivateFolder(box) / "bin";
  fs::create_directories(bin);
  fs::copy_file("/bin/sh", bin / "private-sh");
  WriteScript(bin / "direct", "#!" + (bin / "private-sh").native() + " -u\necho direct $1\n");
  WriteScript(bin / "searched", "#!/usr/bin/env private-sh\nprivate-sh -c 'echo searched'\n");
  box.spec.environment["PATH"] = bin.native() + ":/usr/bin:/bin";
  box.spec.argv = {bin / "direct", "x"};
  EXPECT_EQ(box.Run().out, "direct x\n");
  box.spec.argv = {"searched"};
  EXPECT_EQ(box.Run().out, "searched\n");
}

TEST(Inside, LetsAnAgentWriteAUsersFolderAndKeepsItsOwner) {
  TestBox box;
  const uid_t owner = HasRunUser() ? 1234 : ::getuid();
  ASSERT_EQ(::chown(box.spec.workspace.c_str(), owner, HasRunUser() ? 4321 : ::getgid()), 0);
  ::chmod(box.spec.workspace.c_str(), 0700);
  box.spec.workspace_kind = WorkspaceKind::kUsers;
  const auto end = box.Run("mkdir d && echo hi >d/f && stat -c %u d/f && id -u");
  const std::string uid = std::to_string(box.spec.run_uid.value_or(::getuid()));
  EXPECT_EQ(end.out, uid + "\n" + uid + "\n") << end.err;
  struct stat made {};
  ASSERT_EQ(::stat((box.spec.workspace / "d/f").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, owner);
}

TEST(Inside, LeavesNothingOfItsMountsOutside) {
  TestBox box;
  const auto before = os::ReadFile("/proc/self/mountinfo");
  EXPECT_EQ(box.Run("true").end->code, 0);
  EXPECT_EQ(os::ReadFile("/proc/self/mountinfo"), before);
}

TEST(Installation, IsTheTopmostNodeModules) {
  EXPECT_EQ(InstallationOf("/a/node_modules/x/node_modules/y/cli.js"), "/a/node_modules");
  EXPECT_EQ(InstallationOf("/opt/claude/bin/claude"), "/opt/claude/bin/claude");
  EXPECT_EQ(InstallationOf("/opt/node_modules"), "/opt/node_modules");
}

TEST(Installation, ReadsTheInterpreterOfAScript) {
  TestFolder folder;
  const auto read = [&](const std::string& text) {
    WriteScript(folder.path() / "s", text);
    return ReadInterpreter(folder.path() / "s");
  };
  EXPECT_EQ(read("\x7f"
                 "ELF"),
            std::nullopt);
  EXPECT_EQ(read(""), std::nullopt);
  EXPECT_EQ(read("#!\n"), std::nullopt);
  EXPECT_EQ(read("#! /bin/sh -e  \necho")->path, "/bin/sh");
  EXPECT_EQ(read("#! /bin/sh -e  \necho")->argument, "-e");
  EXPECT_EQ(read("#!/bin/sh")->SearchedProgram(), std::nullopt);
  EXPECT_EQ(read("#!/usr/bin/env node\n")->SearchedProgram(), "node");
  EXPECT_EQ(read("#!/usr/bin/env -S node --flag\n")->SearchedProgram(), "node");
  EXPECT_EQ(read("#!/usr/bin/env A=1 node\n")->SearchedProgram(), std::nullopt);
}

}  // namespace
}  // namespace vm0::sandbox
