// SPDX-License-Identifier: Apache-2.0
// Beast's code that is not a template, compiled once for the whole program.
#include <boost/beast/src.hpp>
