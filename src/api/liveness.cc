// SPDX-License-Identifier: Apache-2.0
#include "api/liveness.h"

#include <utility>

#include "api/object_writer.h"

namespace vm0::api {

void Liveness::Heard(RunId run) {
  Sign& sign = signs_[run];
  sign.heard = clock_.Now();
  sign.heard_at = clock_.WallNow();
}

void Liveness::WaitsForDisk(RunId run, Seconds waited) { signs_[run].waited = waited; }

void Liveness::Prepares(RunId run, std::string what) { signs_[run].preparing = std::move(what); }

void Liveness::IsBehind(RunId run, std::int64_t events) { signs_[run].behind = events; }

Supervisors Liveness::Count() const {
  Supervisors counted;
  for (const auto& [run, sign] : signs_) {
    ++(clock_.Now() - sign.heard <= kUnheardAfter ? counted.alive : counted.unheard);
    if (sign.waited > Seconds(0)) ++counted.waiting_for_disk;
    counted.backlog += sign.behind;
  }
  return counted;
}

std::optional<std::string> Liveness::Describe(const store::Run& run,
                                              std::optional<WallTime> last_event_at) const {
  if (run.status != store::RunStatus::kRunning) return std::nullopt;
  ObjectWriter body;
  if (!run.started) {
    const auto sign = signs_.find(run.id);
    if (sign == signs_.end() || sign->second.preparing.empty()) return std::nullopt;
    body.Text("preparing", sign->second.preparing).Time("lastHeardAt", sign->second.heard_at);
    return body.Take();
  }
  if (!run.external) {
    const auto sign = signs_.find(run.id);
    const bool known = sign != signs_.end();
    const MonoTime last = known ? sign->second.heard : since_;
    const bool recent = clock_.Now() - last <= kUnheardAfter;
    const std::string_view unheard = recent ? "unknown" : "unheard";
    body.Text("supervisor", known && recent ? "alive" : unheard);
    if (known) body.Time("lastHeardAt", sign->second.heard_at);
    if (known && sign->second.waited > Seconds(0))
      body.Number("waitsForDiskSeconds", sign->second.waited.count());
  }
  body.TimeIf("lastEventAt", last_event_at);
  return body.Take();
}

}  // namespace vm0::api
