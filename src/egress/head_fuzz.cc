// SPDX-License-Identifier: Apache-2.0
// Any bytes are a head or are refused; what was taken comes back from its own text, and its body
// decodes the same in one piece and byte by byte.
#include <string>
#include <string_view>

#include "base/fuzz.h"
#include "egress/body.h"
#include "egress/target.h"

namespace {

using namespace vm0::egress;
using vm0::fuzz::Expect;

std::string Decode(Framing framing, std::string_view input, std::size_t step, bool& failed) {
  BodyDecoder decoder(framing);
  std::string out;
  while (!input.empty() && !decoder.done() && !failed) {
    const auto taken = decoder.Put(input.substr(0, step), out);
    failed = !taken;
    if (taken) input.remove_prefix(*taken);
  }
  return out;
}

void CheckBody(Framing framing, std::string_view body) {
  bool whole_failed = false;
  bool bytes_failed = false;
  const std::string whole = Decode(framing, body, body.size() + 1, whole_failed);
  const std::string bytes = Decode(framing, body, 1, bytes_failed);
  Expect(whole_failed == bytes_failed, "a body is refused however it is split");
  Expect(whole_failed || whole == bytes, "a body is the same however it is split");
}

std::string Format(const RequestHead& head) {
  std::string text =
      head.method + " " + head.target + " HTTP/1." + std::to_string(head.minor_version) + "\r\n";
  for (const Field& field : head.fields.list()) text += field.name + ": " + field.value + "\r\n";
  return text + "\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string input(vm0::fuzz::View(data, size));
  std::string copy = input;
  if (const auto response = TakeResponseHead(copy); response && *response) {
    if (const auto framing = FramingOf(**response, "GET")) CheckBody(*framing, copy);
  }
  const auto request = TakeRequestHead(input);
  if (!request || !*request) return 0;
  std::string text = Format(**request);
  const auto again = TakeRequestHead(text);
  Expect(again && *again && text.empty(), "a head that was taken is taken again");
  Expect(Format(**again) == Format(**request), "a head comes back from its own text");
  if (const auto framing = FramingOf(**request)) CheckBody(*framing, input);
  (void)ParseConnectTarget((*request)->target);
  (void)ParseAbsoluteTarget((*request)->target);
  return 0;
}
