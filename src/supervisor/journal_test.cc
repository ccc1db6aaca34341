// SPDX-License-Identifier: Apache-2.0
#include "supervisor/journal.h"

#include <signal.h>
#include <sys/resource.h>

#include "supervisor/test_world.h"

namespace vm0::supervisor {
namespace {

// Makes files end at a size, as a disk without room does, until it is destroyed.
class FullDisk {
 public:
  FullDisk() {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &saved_);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &saved_); }
  void EndFilesAt(std::int64_t size) {
    rlimit tight = saved_;
    tight.rlim_cur = static_cast<rlim_t>(size);
    ::setrlimit(RLIMIT_FSIZE, &tight);
  }

 private:
  rlimit saved_{};
};

struct JournalTest : TestWorld {
  Spool spool = std::move(*Spool::Create(dir.spool()));
  Masker masker;
  int spooled = 0;
  Journal journal{loop.get_executor(), {spool, clock, log, masker}, [this] { ++spooled; }};
};

TEST_F(JournalTest, TellsOfWhatFoundRoomAlsoWhereTheEventOfTheWaitDoesNot) {
  {
    FullDisk disk;
    disk.EndFilesAt(spool.end_offset());
    journal.Add(event::Source::kAgent, "{}");
    journal.Flush();
    EXPECT_TRUE(journal.blocked());
    EXPECT_EQ(spooled, 0);
    disk.EndFilesAt(journal.size());
    Advance(Seconds(1));
    EXPECT_TRUE(journal.blocked());
    EXPECT_EQ(spool.last_sequence(), 1);
    EXPECT_EQ(spooled, 1);
  }
  Advance(Seconds(1));
  EXPECT_FALSE(journal.blocked());
  EXPECT_GT(spool.last_sequence(), 1);
}

}  // namespace
}  // namespace vm0::supervisor
