// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace vm0::sandbox {

// Why this machine refuses namespaces to ordinary users, and the command that changes it: "this
// machine refuses user namespaces: user.max_user_namespaces is 0: as root, sysctl -w …".
std::string ExplainNamespaceRefusal();

}  // namespace vm0::sandbox
