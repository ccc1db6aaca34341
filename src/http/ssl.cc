// SPDX-License-Identifier: Apache-2.0
// The part of Asio's code that needs OpenSSL, compiled once for the whole program.
#include <boost/asio/ssl/impl/src.hpp>
