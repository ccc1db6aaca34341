// SPDX-License-Identifier: Apache-2.0
#include "supervisor/network_log.h"

#include <utility>

namespace vm0::supervisor {
namespace {

constexpr Seconds kWindow{1};
// An agent that tries many hosts gets one event for those beyond.
constexpr std::size_t kMaxDistinct = 256;
constexpr std::size_t kMaxPath = 1024;

std::string PathOf(const egress::Entry& entry) {
  if (entry.path.size() <= kMaxPath) return entry.path;
  return entry.path.substr(0, kMaxPath) + "...";
}

std::string MessageOf(const egress::Entry& entry, int times) {
  std::string text = entry.method.empty() ? "connection" : entry.method;
  const std::string whom = entry.host + PathOf(entry);
  if (!whom.empty()) text += " " + whom;
  if (entry.refusal.empty()) return text + ": " + std::to_string(entry.status);
  text += ": " + entry.refusal;
  return times > 1 ? text + " (" + std::to_string(times) + " times)" : text;
}

}  // namespace

NetworkLog::NetworkLog(os::Clock& clock, Journal& journal, std::function<void()> recorded)
    : clock_(clock), journal_(journal), recorded_(std::move(recorded)) {}

void NetworkLog::Add(const egress::Entry& entry) {
  if (entry.refusal.empty()) return Record(entry, 1);
  const std::string key = entry.method + "\n" + entry.host + "\n" + std::to_string(entry.status);
  if (repeated_.contains(key)) return Count(key, entry);
  if (repeated_.size() < kMaxDistinct) {
    if (repeated_.empty()) {
      second_ = os::Timer(clock_, clock_.Now() + kWindow, [this] { Flush(); });
    }
    repeated_[key];
    return Record(entry, 1);
  }
  egress::Entry many = entry;
  many.method = many.host = many.path = "";
  many.refusal = "too many different refusals to tell them apart";
  Count("", many);
}

void NetworkLog::Flush() {
  second_.Cancel();
  for (const auto& [key, repeated] : std::exchange(repeated_, {})) {
    if (repeated.times > 0) Record(repeated.last, repeated.times);
  }
}

void NetworkLog::Count(const std::string& key, const egress::Entry& entry) {
  Repeated& repeated = repeated_[key];
  repeated.last = entry;
  ++repeated.times;
}

void NetworkLog::Record(const egress::Entry& entry, int times) {
  json::object fields = {{"method", entry.method},      {"host", entry.host},
                         {"path", PathOf(entry)},       {"status", entry.status},
                         {"sent", entry.sent},          {"received", entry.received},
                         {"ms", entry.duration.count()}};
  if (!entry.refusal.empty()) fields["refusal"] = entry.refusal;
  if (times > 1) fields["times"] = times;
  journal_.Add(event::Source::kVm0,
               MakeVm0Event("network", MessageOf(entry, times), std::move(fields)));
  journal_.Flush();
  recorded_();
}

}  // namespace vm0::supervisor
