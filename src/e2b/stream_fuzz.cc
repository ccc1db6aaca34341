// SPDX-License-Identifier: Apache-2.0
// Any bytes are read as a stream of a process, or refused; how they are cut makes no difference.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/fuzz.h"
#include "e2b/envelope.h"
#include "e2b/process_stream.h"

namespace {

using namespace vm0;
using fuzz::Expect;

struct Outcome {
  std::vector<e2b::Envelope> envelopes;
  std::optional<Code> refusal;
  bool is_inside = false;
};

Outcome Parse(std::string_view bytes, std::size_t piece) {
  Outcome outcome;
  e2b::EnvelopeParser parser;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    auto fed = parser.Feed(bytes.substr(0, piece));
    if (!fed) {
      outcome.refusal = fed.error().code;
      return outcome;
    }
    for (auto& envelope : *fed) outcome.envelopes.push_back(std::move(envelope));
  }
  outcome.is_inside = parser.is_inside();
  return outcome;
}

void CheckEvent(const std::string& message) {
  const auto event = e2b::ParseProcessEvent(message);
  if (!event) Expect(event.error().code == Code::kUnreachable, "garbage is a strange answer");
  if (const auto error = e2b::FindConnectError(message))
    Expect(InfoOf(error->code).http_status >= 400, "an error is one");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::View(data, size);
  const Outcome whole = Parse(bytes, std::max<std::size_t>(size, 1));
  const Outcome cut = Parse(bytes, 1 + size % 7);
  Expect(whole.refusal == cut.refusal && whole.is_inside == cut.is_inside, "cuts say nothing");
  std::string again;
  for (const auto& envelope : cut.envelopes) {
    CheckEvent(envelope.message);
    again += e2b::FormatEnvelope(envelope);
  }
  // A refusal takes the whole messages of its piece with it.
  Expect(bytes.starts_with(again), "they are what came");
  if (!whole.refusal) Expect(whole.envelopes.size() == cut.envelopes.size(), "none is lost");
  CheckEvent(std::string(bytes));
  return 0;
}
