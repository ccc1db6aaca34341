// SPDX-License-Identifier: Apache-2.0
#include "api/page.h"

#include <utility>

#include "agent/dialect.h"
#include "api/object_writer.h"
#include "base/json.h"
#include "base/text.h"

namespace vm0::api {
namespace {

void AppendParsed(std::string& out, const event::Event& event, std::string_view dialect_name) {
  const agent::Dialect* dialect = agent::FindDialect(dialect_name);
  out += '[';
  if (dialect != nullptr && event.source == event::Source::kAgent) {
    bool is_first = true;
    for (const agent::ParsedEvent& parsed : dialect->Parse(event.json)) {
      if (!std::exchange(is_first, false)) out += ',';
      out += ToJson(json::value(agent::ToJson(parsed)));
    }
  }
  out += ']';
}

}  // namespace

std::optional<View> FindView(std::string_view name) {
  if (name == "raw") return View::kRaw;
  if (name == "parsed") return View::kParsed;
  if (name == "both") return View::kBoth;
  return std::nullopt;
}

// By hand and not by ObjectWriter: this is most of what a server writes, and the stored bytes go
// straight to where they are sent from.
void AppendEvent(std::string& out, const event::Event& event, View view, std::string_view dialect) {
  out.append(R"({"sequenceNumber":)").append(std::to_string(event.sequence));
  out.append(R"(,"eventType":)");
  AppendJsonQuoted(out, event.type);
  if (view != View::kParsed) out.append(R"(,"eventData":)").append(event.json);
  if (view != View::kRaw) {
    out.append(R"(,"parsed":)");
    AppendParsed(out, event, dialect);
  }
  out.append(R"(,"createdAt":")").append(FormatIso(event.created_at));
  out.append(R"(","source":")").append(event::NameOf(event.source)).append(R"("})");
}

std::string FormatRunState(const store::Run& run) {
  ObjectWriter body;
  body.Text("status", store::NameOf(run.status));
  body.RawIf("result", run.result).TextIf("error", run.error).TextIf("errorCode", run.error_code);
  return body.Take();
}

std::string FormatPage(const feed::Page& page, View view) {
  std::size_t size = 2 * kEnvelopeBytes;
  for (const auto& event : page.events) size += event->json.size() + kEnvelopeBytes;
  std::string body = R"({"events":[)";
  body.reserve(size);
  for (const auto& event : page.events) {
    if (event != page.events.front()) body += ',';
    AppendEvent(body, *event, view, page.run->dialect);
  }
  ObjectWriter rest;
  rest.Bool("hasMore", page.has_more).Number("nextSequence", page.next_sequence);
  rest.Raw("run", FormatRunState(*page.run));
  rest.Text("provider", page.run->provider).Text("dialect", page.run->dialect);
  const std::string text = rest.Take();
  return body.append("],").append(text, 1);
}

}  // namespace vm0::api
