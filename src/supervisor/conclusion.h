// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client/run_client.h"
#include "supervisor/shipper.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// How the end of a run was taken.
enum class Conclusion {
  kAcknowledged,  // the spool may be forgotten
  kDifferent,     // the run had ended otherwise: the first end stays
  kGaveUp,        // ended, superseded, or unauthorized for 10 minutes
};

// Ships what the spool still holds, then completes, for as long as it takes. `message` is for the
// whole spool, with its hash; where the server holds fewer or other records, or more than we have,
// the run ends with what is stored, and says so. Loop thread only; `shipper` follows no more.
asio::awaitable<Conclusion> Conclude(Shipper& shipper, Shipper::Parts parts,
                                     client::CompleteMessage message);

}  // namespace vm0::supervisor
