// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "supervisor/run_dir.h"

namespace vm0::supervisor {

// What runs as uid 0 on a rented machine gives its agent this uid. No account has it, so nothing
// such as sudo makes it root again; it is below 65534, so that user namespaces have it too.
inline constexpr uid_t kRemoteRunUid = 60321;

// Makes of what a runner has sent (spec.json, token, perhaps workspace.tar.gz and ca.pem) the
// directory that a supervisor wants: workspace, home, /tmp, uid. The caller holds the run's lock.
// kConflict, with nothing touched, when an agent has run there already. Sets SSL_CERT_FILE to
// ca.pem unless it is set. Blocks.
Status PrepareRemote(const RunDir& dir);

}  // namespace vm0::supervisor
