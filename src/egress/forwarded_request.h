// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "egress/head.h"
#include "egress/proxy.h"
#include "egress/replacer.h"
#include "egress/target.h"

namespace vm0::egress {

// kBadRequest for methods that show or change what a proxy does (TRACE).
Status CheckMethod(std::string_view method);

// A request's head as the next server gets it: its own Host and framing, and no more than this one
// request on the connection. `fields` are end-to-end.
std::string FormatRequest(const RequestHead& head, std::string_view origin, std::string_view host,
                          Framing framing, const std::vector<Field>& fields);

// Whom a gateway asks. kBadRequest for an endpoint that is no host.
Result<Authority> AuthorityOf(const http::Endpoint& upstream);
// The same with the credentials in the places of their placeholders. kUnauthorized when there is no
// placeholder in any field, kBadRequest for the method, kUnreachable for a credential that no field
// can hold.
Result<std::string> FormatGatewayRequest(const Gateway& gateway, const RequestHead& head,
                                         std::string_view origin, Framing framing);
// Turns credentials in what comes back into their placeholders.
Replacer MakeAnswerReplacer(const Gateway& gateway);

}  // namespace vm0::egress
