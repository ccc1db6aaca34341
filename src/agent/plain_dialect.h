// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/dialect.h"

namespace vm0::agent {

// "plain", for agents nobody knows more about: each event gives one Plain, its type (as the API's
// eventType) and its JSON without insignificant white space, otherwise byte for byte. There is no
// terminal event: the exit code alone tells success.
const Dialect& PlainDialect();

}  // namespace vm0::agent
