// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "http/server.h"

namespace vm0::api {

// Refuses requests over TCP that are meant for another name than ours: a page of a stranger whose
// DNS name points at us (rebinding) must not reach a server on loopback. kMisdirected for another
// name, kBadRequest when there is not exactly one Host header. `names` are lower case without port.
Status CheckHost(const http::Request& request, http::Transport transport,
                 const std::set<std::string>& names);

}  // namespace vm0::api
