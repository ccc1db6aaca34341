// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// A box of namespaces: the first process of a new pid namespace, with mounts of its own. It tends
// the agent, reports to kReportFd, and takes the whole namespace with it when it ends. It ends when
// we do.
struct FirstProcess {
  pid_t pid = -1;
};
enum class Refusal {
  kNamespaces,  // this machine has none for us: the caller may do without
  kBox,         // this box can't be made
};
struct StartFailure {
  Refusal refusal;
  Error error;
};
std::expected<FirstProcess, StartFailure> StartFirstProcess(const BoxSpec& spec);

}  // namespace vm0::sandbox
