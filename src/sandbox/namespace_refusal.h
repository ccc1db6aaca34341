// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace vm0::sandbox {

// Why this machine refuses namespaces to ordinary users, and the command that changes it, as the
// rest of a sentence: "user.max_user_namespaces is 0: sysctl -w …". Never empty.
std::string ExplainNamespaceRefusal();

}  // namespace vm0::sandbox
