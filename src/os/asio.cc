// SPDX-License-Identifier: Apache-2.0
// Asio's code that is not a template, compiled once for the whole program.
#include <boost/asio/impl/src.hpp>
