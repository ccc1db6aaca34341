// SPDX-License-Identifier: Apache-2.0
// Requests, responses and server-sent events are the same however their bytes are split, and what
// we write of them is read again.
#include <string>
#include <vector>

#include "base/fuzz.h"
#include "base/text.h"
#include "http/client.h"
#include "http/message.h"
#include "http/parser.h"
#include "http/websocket.h"

namespace {

using namespace vm0;
using fuzz::Expect;

constexpr http::ParserLimits kLimits{.header_bytes = 16 << 10, .body_bytes = 1 << 20};

std::string Format(const http::Headers& headers, std::string_view body) {
  std::string text;
  for (const auto& [name, value] : headers.all())
    text.append(name).append(": ").append(value) += '\n';
  return text.append("\n").append(body);
}

// Gives a parser its bytes as a connection does: what was not taken comes again with more behind
// it. Whether it was refused.
template <class Parser>
bool Feed(Parser& parser, std::string_view bytes, std::size_t step) {
  std::string input;
  while (!parser.done() && !bytes.empty()) {
    const std::string_view piece = bytes.substr(0, step);
    input += piece;
    bytes.remove_prefix(piece.size());
    const auto taken = parser.Put(input);
    if (!taken) return true;
    Expect(*taken <= input.size(), "a parser takes no more than there is");
    input.erase(0, *taken);
  }
  return false;
}

// What the request means. One that is cut short may be refused as soon as it is wrong, or not yet.
std::string ReadRequest(std::string_view bytes, std::size_t step) {
  http::RequestParser parser(kLimits);
  if (Feed(parser, bytes, step) || !parser.done()) return "none";
  const bool keep_alive = parser.keep_alive();
  const http::Request request = parser.Take();
  return request.method + ' ' + request.target + (keep_alive ? " keep\n" : " close\n") +
         Format(request.headers, request.body);
}

std::string ReadResponse(std::string_view bytes, std::size_t step) {
  http::ResponseParser parser("GET", kLimits);
  if (Feed(parser, bytes, step) || (!parser.done() && !parser.PutEnd())) return "none";
  const http::Response head = parser.TakeHead();
  return std::to_string(head.status) + '\n' + Format(head.headers, parser.TakeBody());
}

std::vector<http::SseEvent> ReadEvents(std::string_view bytes, std::size_t step) {
  http::SseParser parser;
  std::vector<http::SseEvent> events;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    const auto more = parser.Feed(bytes.substr(0, step));
    Expect(more.has_value(), "no small event is refused");
    events.insert(events.end(), more->begin(), more->end());
  }
  return events;
}

std::string Format(const std::vector<http::SseEvent>& events) {
  std::string text;
  for (const http::SseEvent& event : events) text += FormatSse(event);
  return text;
}

// What the messages are, and how it ends if it ends badly.
std::string ReadMessages(std::string_view bytes, http::WebSocketParser::From from,
                         std::size_t step) {
  http::WebSocketParser parser(from, 1000);
  std::string text;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    const auto messages = parser.Feed(bytes.substr(0, step));
    if (!messages) {
      Expect(messages.error().number.value_or(0) >= 1002, "a refusal has its close code");
      return text + " " + std::to_string(*messages.error().number);
    }
    for (const auto& message : *messages) {
      Expect(message.payload.size() <= 1000, "no message is longer than it may be");
      http::AppendWebSocketFrame(text, message.opcode, message.payload);
    }
  }
  return text;
}

void CheckWebSocket(std::string_view bytes, std::size_t step) {
  using From = http::WebSocketParser::From;
  const std::string text = ReadMessages(bytes, From::kServer, step);
  // What came before a refusal may come with it, when all comes at once.
  const std::string whole = ReadMessages(bytes, From::kServer, bytes.size() + 1);
  Expect(text.ends_with(whole), "messages are the same however they are split");
  (void)ReadMessages(bytes, From::kClient, step);
}

void CheckTarget(std::string_view text) {
  const auto target = http::ParseTarget(text);
  if (!target) return;
  Expect(IsValidUtf8(target->path), "a path is text");
  for (const auto& [name, value] : target->query) {
    const auto again =
        http::ParseTarget("/?" + http::PercentEncode(name) + "=" + http::PercentEncode(value));
    Expect(again && again->query == std::vector{std::pair(name, value)},
           "a parameter comes back from its own text");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::View(data, size);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}}) {
    Expect(ReadRequest(bytes, size + 1) == ReadRequest(bytes, step),
           "a request is the same however it is split");
    Expect(ReadResponse(bytes, size + 1) == ReadResponse(bytes, step),
           "a response is the same however it is split");
    const auto events = ReadEvents(bytes, size + 1);
    Expect(Format(events) == Format(ReadEvents(bytes, step)),
           "events are the same however they are split");
    Expect(Format(ReadEvents(Format(events), step)) == Format(events),
           "events come back from their own text");
    CheckWebSocket(bytes, step);
  }
  CheckTarget(bytes.substr(0, bytes.find_first_of(" \r\n")));
  (void)http::Endpoint::Parse(std::string(bytes.substr(0, 200)));
  return 0;
}
