// SPDX-License-Identifier: Apache-2.0
#include "cli/server_log.h"

#include <unistd.h>

#include <string>

#include "base/time.h"
#include "os/fd.h"
#include "term/sanitize.h"

namespace vm0::cli {

void ServerLog(const os::Clock& clock, std::string_view text) {
  (void)os::WriteAll(STDERR_FILENO, FormatIso(clock.WallNow()) + " vm0[" +
                                        std::to_string(::getpid()) + "] " +
                                        term::SanitizeLine(text) + "\n");
}

}  // namespace vm0::cli
