// SPDX-License-Identifier: Apache-2.0
#include "supervisor/recorder.h"

#include <algorithm>

namespace vm0::supervisor {

void Recorder::Append(std::string& out, event::Source source, std::string_view json) {
  last_time_ = std::max(last_time_, clock_.WallNow());
  const std::size_t start = out.size();
  event::AppendRecord(out, ++last_sequence_, last_time_, source, json);
  chain_.Add(std::string_view(out).substr(start));
}

std::string MakeVm0Event(std::string_view name, std::string_view message, json::object more) {
  json::object object{{"type", "vm0"}, {"event", name}, {"message", message}};
  for (auto& [key, value] : more) object[key] = std::move(value);
  return ToJson(json::value(std::move(object)));
}

}  // namespace vm0::supervisor
