// SPDX-License-Identifier: Apache-2.0
#include "http/ssl.h"

#include <openssl/crypto.h>

// The part of Asio's code that needs OpenSSL, compiled once for the whole program.
#include <boost/asio/ssl/impl/src.hpp>

namespace vm0::http::detail {

void StartOpenSsl() { ::OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr); }

}  // namespace vm0::http::detail
