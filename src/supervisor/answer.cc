// SPDX-License-Identifier: Apache-2.0
#include "supervisor/answer.h"

namespace vm0::supervisor {
namespace {

constexpr Seconds kUnauthorizedPatience{600};

}  // namespace

Reaction AnswerRules::React(const Error& error) {
  const int status = InfoOf(error.code).http_status;
  if (status == 401 || status == 403) {
    if (!surroundings_.renew_token()) return Reaction::kGiveUp;
    if (!unauthorized_since_) unauthorized_since_ = clock_.Now();
    const bool patient = clock_.Now() - *unauthorized_since_ < kUnauthorizedPatience;
    return patient ? Reaction::kRetry : Reaction::kGiveUp;
  }
  if (error.code == Code::kUnreachable && !surroundings_.server_may_return()) {
    return Reaction::kGiveUp;
  }
  // An unreachable server says nothing about the token.
  if (status < 500) unauthorized_since_.reset();
  if (status == 404 || status == 410) return Reaction::kGiveUp;
  if (status == 413) return Reaction::kHalve;
  if (error.code == Code::kSequenceGap && error.number) return Reaction::kResend;
  if (error.code == Code::kConflict) return Reaction::kConflict;
  if (status == 409) return Reaction::kRefused;
  return status < 500 ? Reaction::kRetryLater : Reaction::kRetry;
}

}  // namespace vm0::supervisor
