// SPDX-License-Identifier: Apache-2.0
// No secret is left in what was masked, in none of the forms that are promised; an event stays one;
// and lines are the same however the agent's output is split.
#include <algorithm>
#include <string>
#include <vector>

#include "base/fuzz.h"
#include "base/text.h"
#include "event/classify.h"
#include "supervisor/line_splitter.h"
#include "supervisor/masker.h"

namespace {

using namespace vm0;
using fuzz::Expect;
using supervisor::Masker;

std::string JsonForm(std::string_view text) {
  const std::string quoted = JsonQuote(text);
  return quoted.substr(1, quoted.size() - 2);
}

std::string PercentForm(std::string_view text) {
  std::string out;
  for (const char c : text) out += "%" + HexEncode({&c, 1});
  return out;
}

// One of the promised forms of a secret, as an agent may print it.
std::string FormOf(std::string_view secret, unsigned choice) {
  const std::string padding(choice / 8 % 4, '~');
  switch (choice % 8) {
    case 0:
      return JsonQuote(secret);
    case 1:
      return JsonForm(JsonForm(secret));
    case 2:
      return HexEncode(secret);
    case 3:
      return PercentForm(secret);
    case 4:
      return Base64Encode(padding + std::string(secret) + padding);
    case 5:
      return Base64UrlEncode(padding + std::string(secret) + padding);
    default:
      return std::string(secret);
  }
}

void ExpectGone(const std::string& masked, const std::string& secret) {
  Expect(!masked.contains(secret), "the secret is gone");
  Expect(!masked.contains(JsonForm(secret)), "the secret as JSON has it is gone");
  Expect(!masked.contains(HexEncode(secret)), "the secret in hex is gone");
  for (std::size_t offset = 0; offset < 3; ++offset) {
    // Without the characters at both ends, which hold bits of others too.
    const std::string encoded = Base64Encode(std::string(offset, 'x') + secret);
    const std::size_t begin = (8 * offset + 5) / 6;
    const std::size_t end = 8 * (offset + secret.size()) / 6;
    Expect(!masked.contains(encoded.substr(begin, end - begin)), "the secret in base64 is gone");
  }
}

// Whether the secret has what stands in an event's strings only: where there is nothing else to
// mask, an event is given up.
bool NeedsAString(std::string_view secret) {
  return secret.find_first_not_of("{}[]:,\" \t\r\n*truefalsn+-.0123456789eE") !=
             std::string::npos &&
         !secret.contains('*');
}

void CheckMask(const Masker& masker, const std::string& secret, std::string_view text) {
  const std::string masked = masker.Mask(text);
  ExpectGone(masked, secret);
  Expect(masker.Mask(masked) == masked, "what was masked stays as it is");
  if (event::IsEvent(text) && NeedsAString(secret))
    Expect(event::IsEvent(masked), "an event stays an event");
  const std::size_t half = text.size() / 2;
  ExpectGone(masker.MaskBeginning(text, half), secret);
}

std::vector<std::string> LinesOf(std::string_view text, std::size_t step) {
  std::vector<std::string> lines;
  const auto add = [&lines](const supervisor::Line& line) {
    lines.push_back(std::to_string(line.length) + " " + std::string(line.text));
  };
  supervisor::LineSplitter splitter(100, 20);
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size())))
    splitter.Feed(text.substr(0, step), add);
  splitter.Finish(add);
  return lines;
}

}  // namespace

// The first byte says how long the secret is, the second in which form it stands between the
// halves of the rest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input = fuzz::View(data, size).substr(2);
  const std::string_view start = input.substr(0, Masker::kGuaranteed + data[0] % 64);
  if (start.size() < Masker::kGuaranteed) return 0;
  const std::string secret = ReplaceInvalidUtf8(start);  // came in JSON
  const std::string_view text = input.substr(start.size());
  const Masker masker({secret});
  CheckMask(masker, secret, text);
  const std::size_t half = text.size() / 2;
  const std::string form = FormOf(secret, data[1]);
  CheckMask(masker, secret,
            std::string(text.substr(0, half)) + form + std::string(text.substr(half)));
  CheckMask(masker, secret,
            "{\"a\":" + JsonQuote(text.substr(0, half)) + ",\"b\":" + JsonQuote(form) + "}");
  const auto lines = LinesOf(text, text.size() + 1);
  Expect(lines == LinesOf(text, 1) && lines == LinesOf(text, 7),
         "lines are the same however they are split");
  return 0;
}
