// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vm0::os {

// From now on this process looks up hosts in /etc/hosts and DNS, and users in /etc/passwd, whatever
// /etc/nsswitch.conf says: what else it names are modules, which a static program can't load
// (docs/decisions/0023). Before the first thread.
void UseOwnNameService();

}  // namespace vm0::os
