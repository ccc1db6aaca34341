// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vm0::store {

// The name of the VFS that databases are opened with: null for SQLite's own. Where a test simulates
// the loss of power (os/power_loss.h) it is one over SQLite's own that notes in the undo journal
// what SQLite does to database, write-ahead log and rollback journal. Any thread.
#ifdef VM0_TEST_HOOKS
const char* SqliteVfs();
#else
inline constexpr const char* SqliteVfs() { return nullptr; }
#endif

}  // namespace vm0::store
