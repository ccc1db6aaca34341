// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace vm0::os {

// A named point where tests make things go wrong: VM0_FAULT=store.commit:crash, or …:crash@3 for
// the third time only; several separated by commas. Actions: crash (SIGKILL to ourselves), fail
// (the caller acts as if its operation had failed), hang (block for ever), stop (SIGSTOP to
// ourselves; goes on with SIGCONT). VM0_FAULT_ONCE_FILE names a file that must not exist: the
// process that makes it may fire, all later times pass.
// VM0_FAULT_FILE names a file that may hold one more fault, as "store.commit:crash@3", for
// processes that run already: it may come, change and go at any time, each time may end with a
// blank and a text that tells it from the time before. The process that fires renames the file to
// <file>.<its pid>. Any thread. Does nothing and costs nothing without VM0_TEST_HOOKS.
#ifdef VM0_TEST_HOOKS
bool FaultFails(std::string_view point);  // true: act as if it failed
#else
inline bool FaultFails(std::string_view) { return false; }
#endif

}  // namespace vm0::os
