// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace vm0::http {

// Header fields in the order they came; names compare without case.
class Headers {
 public:
  // Replaces the field of that name, or adds it.
  void Set(std::string name, std::string value);
  std::optional<std::string_view> Find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// A request as a server got it, or as a client sends it.
struct Request {
  std::string method = "GET";
  std::string target = "/";  // path and query, percent-encoded
  Headers headers;
  std::string body;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};

// The target, taken apart: decoded path segments and query parameters in order.
struct Target {
  std::string path;                   // decoded; "/api/agent/runs"
  std::vector<std::string> segments;  // {"api","agent","runs"}; "/" has none, "/a/" has {"a",""}
  std::vector<std::pair<std::string, std::string>> query;
  // The last value of that name; nullopt if absent.
  std::optional<std::string> Query(std::string_view name) const;
};
// kBadRequest for a target that is not a path, for bad percent-encoding and for what is not UTF-8
// after decoding. '+' in the query is a space.
Result<Target> ParseTarget(std::string_view target);

// `text` with everything but unreserved characters percent-encoded.
std::string PercentEncode(std::string_view text);

// A server-sent event, as one frame: WHATWG HTML, "Server-sent events".
struct SseEvent {
  std::string id;     // empty: no id line
  std::string event;  // empty: "message"
  std::string data;
  bool operator==(const SseEvent&) const = default;
};
std::string FormatSse(const SseEvent& event);

// Puts spaces for the CRs in `frame` from `from` on, since a CR would end a line there. Gives where
// they were, as SseParser takes it from a field "cr": how far each is from the one before (the
// first from the beginning), "120,2,2"; empty for none. Other readers pass such a field over.
std::string ReplaceCarriageReturns(std::string& frame, std::size_t from);

// Takes a stream of SSE bytes in pieces of any size, gives whole events. CR, LF and CRLF end lines.
// An event without a data line is none (comments are how servers keep a connection alive). A field
// "cr" gives the data the CRs back that could not be sent.
class SseParser {
 public:
  // kPayloadTooLarge when one event exceeds 64 MiB.
  Result<std::vector<SseEvent>> Feed(std::string_view bytes);

 private:
  void TakeLine(std::string_view line, std::vector<SseEvent>& events);
  void TakeField(std::string_view name, std::string_view value);

  std::string line_;
  bool at_start_ = true;
  bool after_cr_ = false;
  SseEvent current_;
  std::string returns_;  // of the current event: where its data has CRs
  bool has_data_ = false;
};

}  // namespace vm0::http
