// SPDX-License-Identifier: Apache-2.0
#include "runner/sandbox_note.h"

#include <gmock/gmock.h>

#include "runner/test_world.h"

namespace vm0::runner {
namespace {

using State = SandboxNote::State;

TEST(SandboxNote, ComesBackAsItWasWritten) {
  const os::TestDirectory directory;
  const supervisor::RunDir dir(directory.path());
  EXPECT_FALSE(ReadSandboxNote(dir).value()) << "none was written";
  for (const State state : {State::kMade, State::kLaunched, State::kCollected, State::kGone}) {
    const SandboxNote written{.attempt = 3,
                              .sandbox = {.id = "i1", .domain = "d", .access_token = "secret"},
                              .state = state,
                              .has_workspace = state == State::kCollected};
    ASSERT_TRUE(WriteSandboxNote(dir, written));
    const auto read = ReadSandboxNote(dir).value().value();
    EXPECT_EQ(read.attempt, 3);
    EXPECT_EQ(read.sandbox.id, "i1");
    EXPECT_EQ(read.sandbox.domain, "d");
    EXPECT_EQ(read.sandbox.access_token, "secret");
    EXPECT_EQ(read.state, state);
    EXPECT_EQ(read.has_workspace, written.has_workspace);
    EXPECT_EQ(read.is_open(), state == State::kMade || state == State::kLaunched);
  }
}

TEST(SandboxNote, OfAnotherVersionOrDamagedIsAnErrorAndNotNone) {
  const os::TestDirectory directory;
  const supervisor::RunDir dir(directory.path());
  for (const char* text : {"", "{", "{}", R"({"v":2,"attempt":1,"sandboxId":"i","state":"made"})",
                           R"({"v":1,"attempt":1,"sandboxId":"i","state":"sold"})"}) {
    WriteText(SandboxNotePath(dir), text);
    EXPECT_EQ(ReadSandboxNote(dir).error().code, Code::kIo) << text;
  }
}

}  // namespace
}  // namespace vm0::runner
