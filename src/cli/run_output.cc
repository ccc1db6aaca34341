// SPDX-License-Identifier: Apache-2.0
#include "cli/run_output.h"

#include <utility>

#include "base/json.h"
#include "cli/network_line.h"
#include "event/classify.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

term::Renderer::Options RendererOptions(const Output& output, const ShowOptions& options, Text text,
                                        Selection selection) {
  const auto colour = output.out.colour();
  return {.full = options.full,
          .verbose = options.verbose,
          .partial = text == Text::kPieces,
          .colour = colour,
          .stderr_colour = selection == Selection::kSystem ? colour : output.err.colour()};
}

// Unknown ones are of a newer server.
const agent::Dialect* DialectOf(const std::string& name) {
  const agent::Dialect* dialect = agent::FindDialect(name);
  return dialect ? dialect : agent::FindDialect("plain");
}

}  // namespace

std::string TextOfVm0Event(std::string_view json) {
  const auto object = ParseJsonObject(json, "event");
  if (!object) return std::string(json);
  for (const std::string_view name : {"message", "text", "reason"})
    if (const auto text = StringMember(*object, name)) return std::string(*text);
  return std::string(json);
}

RunOutput::RunOutput(Output& output, ShowOptions options, Text text, Selection selection)
    : output_(output),
      options_(options),
      selection_(selection),
      renderer_(RendererOptions(output, options, text, selection)),
      is_terminal_(output.out.is_terminal()) {}

asio::awaitable<Status> RunOutput::Show(const client::EventPage& page) {
  if (!dialect_) dialect_ = DialectOf(page.dialect);
  for (const auto& event : page.events) {
    if (!IsSelected(selection_, event)) continue;
    ++shown_;
    Add(event);
  }
  return Flush();
}

asio::awaitable<Status> RunOutput::Finish() {
  Append(false, renderer_.CloseLine());
  return Flush();
}

bool IsSelected(Selection selection, const client::ReceivedEvent& event) {
  switch (selection) {
    case Selection::kSystem:
      return event.source == event::Source::kStderr || event.source == event::Source::kVm0;
    case Selection::kNetwork:
      return NetworkEventOf(event).has_value();
    case Selection::kAll:
      break;
  }
  return true;
}

void RunOutput::Add(const client::ReceivedEvent& event) {
  switch (options_.format) {
    case Format::kText:
      AddText(event);
      break;
    case Format::kJson:
      Append(false, is_terminal_ ? term::SanitizeLine(event.envelope) : event.envelope);
      Append(false, "\n");
      break;
    case Format::kRaw:
      AddRaw(event);
      break;
    case Format::kNone:
      break;
  }
}

void RunOutput::AddText(const client::ReceivedEvent& event) {
  switch (event.source) {
    case event::Source::kAgent:
      for (const auto& parsed : dialect_->Parse(event.data))
        Append(false, renderer_.Render(parsed, event.created_at));
      return;
    case event::Source::kStdout:
      Append(false, renderer_.RenderLine(event.source, event::LineOf(event.data)));
      return;
    case event::Source::kStderr:
    case event::Source::kVm0:
      return AddNotice(event);
  }
}

void RunOutput::AddNotice(const client::ReceivedEvent& event) {
  if (const auto network = NetworkEventOf(event)) {
    if (selection_ == Selection::kNetwork)
      return Append(false, FormatNetworkLine(*network, event.created_at, output_.out.colour()));
    const bool is_shown = selection_ == Selection::kSystem || options_.verbose;
    if (!is_shown && !IsRefusal(*network)) return;
  }
  const bool is_vm0 = event.source == event::Source::kVm0;
  const std::string text = is_vm0 ? TextOfVm0Event(event.data) : event::LineOf(event.data);
  Append(false, renderer_.CloseLine());
  Append(selection_ == Selection::kAll, renderer_.RenderLine(event.source, text));
}

void RunOutput::AddRaw(const client::ReceivedEvent& event) {
  const bool is_agent = event.source == event::Source::kAgent;
  const bool is_line = event.source == event::Source::kStdout ||
                       (selection_ == Selection::kSystem && event.source == event::Source::kStderr);
  const bool is_vm0 = selection_ != Selection::kAll && event.source == event::Source::kVm0;
  if (!is_agent && !is_line && !is_vm0) return;
  const std::string line = is_line ? event::LineOf(event.data) : event.data;
  Append(false, is_terminal_ ? term::SanitizeLine(line) : line);
  Append(false, "\n");
}

void RunOutput::Append(bool to_stderr, std::string_view bytes) {
  if (bytes.empty()) return;
  if (pieces_.empty() || pieces_.back().to_stderr != to_stderr) pieces_.push_back({to_stderr, ""});
  pieces_.back().bytes += bytes;
}

asio::awaitable<Status> RunOutput::Flush() {
  auto pieces = std::exchange(pieces_, {});
  for (auto& piece : pieces) {
    if (piece.to_stderr) {
      (void)co_await output_.err.Write(std::move(piece.bytes));
      continue;
    }
    VM0_CO_TRY(co_await output_.out.Write(std::move(piece.bytes)));
  }
  co_return Status{};
}

}  // namespace vm0::cli
