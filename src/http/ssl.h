// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vm0::http::detail {

// Before the first use of OpenSSL in a process: without the machine's openssl.cnf, which may name
// modules to load, and those are of another libc than ours. Again does nothing. Any thread.
void StartOpenSsl();

}  // namespace vm0::http::detail
