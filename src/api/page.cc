// SPDX-License-Identifier: Apache-2.0
#include "api/page.h"

#include "agent/dialect.h"
#include "api/object_writer.h"
#include "base/json.h"

namespace vm0::api {
namespace {

std::string FormatParsed(const event::Event& event, std::string_view dialect_name) {
  const agent::Dialect* dialect = agent::FindDialect(dialect_name);
  std::string text = "[";
  if (dialect != nullptr && event.source == event::Source::kAgent) {
    for (const agent::ParsedEvent& parsed : dialect->Parse(event.json)) {
      if (text.size() > 1) text += ',';
      text += ToJson(json::value(agent::ToJson(parsed)));
    }
  }
  return text + ']';
}

}  // namespace

std::optional<View> FindView(std::string_view name) {
  if (name == "raw") return View::kRaw;
  if (name == "parsed") return View::kParsed;
  if (name == "both") return View::kBoth;
  return std::nullopt;
}

std::string FormatEvent(const event::Event& event, View view, std::string_view dialect) {
  ObjectWriter body;
  body.Number("sequenceNumber", event.sequence).Text("eventType", event.type);
  if (view != View::kParsed) body.Raw("eventData", event.json);
  if (view != View::kRaw) body.Raw("parsed", FormatParsed(event, dialect));
  body.Time("createdAt", event.created_at).Text("source", event::NameOf(event.source));
  return body.Take();
}

std::string FormatRunState(const store::Run& run) {
  ObjectWriter body;
  body.Text("status", store::NameOf(run.status));
  body.RawIf("result", run.result).TextIf("error", run.error).TextIf("errorCode", run.error_code);
  return body.Take();
}

std::string FormatPage(const feed::Page& page, View view) {
  std::string events = "[";
  for (const auto& event : page.events) {
    if (events.size() > 1) events += ',';
    events += FormatEvent(*event, view, page.run.dialect);
  }
  events += ']';
  ObjectWriter body;
  body.Raw("events", events).Bool("hasMore", page.has_more);
  body.Number("nextSequence", page.next_sequence).Raw("run", FormatRunState(page.run));
  body.Text("provider", page.run.provider).Text("dialect", page.run.dialect);
  return body.Take();
}

}  // namespace vm0::api
