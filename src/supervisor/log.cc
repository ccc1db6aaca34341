// SPDX-License-Identifier: Apache-2.0
#include "supervisor/log.h"

#include <algorithm>
#include <string>

#include "os/fd.h"

namespace vm0::supervisor {

void Log::Write(std::string_view text) {
  std::string line = FormatIso(clock_.WallNow()) + " ";
  line += masker_ == nullptr ? std::string(text) : masker_->Mask(text);
  std::ranges::replace(line, '\n', ' ');
  line += '\n';
  (void)os::WriteAll(fd_, line);  // nowhere to tell it
}

}  // namespace vm0::supervisor
