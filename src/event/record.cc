// SPDX-License-Identifier: Apache-2.0
#include "event/record.h"

#include <sodium.h>

#include <charconv>
#include <optional>
#include <utility>

#include "base/text.h"
#include "event/classify.h"

namespace vm0::event {
namespace {

// Takes the text up to the next space, and the space; nullopt if there is none.
std::optional<std::string_view> TakeField(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view field = rest.substr(0, space);
  rest.remove_prefix(space + 1);
  return field;
}

// Decimal digits only, no leading zero, in 64 bits: one number has one spelling, so that equal
// records have equal bytes.
std::optional<std::int64_t> ParseNatural(std::string_view text) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  if (text[0] == '0' && text.size() > 1) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Error> BadRecord(std::string_view reason) {
  return Fail(Code::kBadRequest, std::string(reason) +
                                     "; a record is \"<number> <unix µs> <source> <JSON object>\" "
                                     "and a line feed");
}

// `line` without its '\n'.
Result<RecordView> ParseLine(std::string_view line) {
  RecordView record;
  std::string_view rest = line;
  const auto number = TakeField(rest);
  const auto sequence = number ? ParseNatural(*number) : std::nullopt;
  if (!sequence || *sequence < 1) return BadRecord("its number is not one from 1 to 2^63-1");
  const auto time = TakeField(rest);
  const auto micros = time ? ParseNatural(*time) : std::nullopt;
  if (!micros) return BadRecord("its time is not one of 0 to 2^63-1 microseconds");
  const auto name = TakeField(rest);
  const auto source = name ? FindSource(*name) : std::nullopt;
  if (!source) return BadRecord("its source is none of agent, stdout, stderr, vm0");
  record.sequence = *sequence;
  record.created_at = WallTime(Micros(*micros));
  record.source = *source;
  record.json = rest;
  return record;
}

Error InRecord(std::size_t index, const Error& error) {
  Error named = error;
  named.message = "record " + std::to_string(index) + ": " + error.message;
  return named;
}

// What makes one record wrong in a body, beyond its own grammar.
Status CheckInBody(const std::vector<RecordView>& before, const RecordView& record) {
  if (!before.empty() && record.sequence - 1 != before.back().sequence) {
    return Fail(Code::kBadRequest, "its number is " + std::to_string(record.sequence) + " after " +
                                       std::to_string(before.back().sequence) +
                                       "; numbers must follow one another");
  }
  if (!IsEvent(record.json)) {
    return Fail(Code::kBadRequest, "its JSON is not one object in valid UTF-8");
  }
  return {};
}

}  // namespace

void AppendRecord(std::string& out, std::int64_t sequence, WallTime created_at, Source source,
                  std::string_view json) {
  out.append(std::to_string(sequence)).append(" ");
  out.append(std::to_string(created_at.time_since_epoch().count())).append(" ");
  out.append(NameOf(source)).append(" ").append(json).append("\n");
}

Result<std::optional<RecordView>> ParseRecord(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  auto record = ParseLine(bytes.substr(0, end));
  if (!record) return Fail(std::move(record).error());
  record->line = bytes.substr(0, end + 1);
  return *record;
}

Result<std::vector<RecordView>> ParseRecords(std::string_view body) {
  if (body.empty()) return Fail(Code::kBadRequest, "the body has no records");
  std::vector<RecordView> records;
  while (!body.empty()) {
    const std::size_t index = records.size() + 1;
    if (index > kMaxBatchRecords) {
      return Fail(Code::kPayloadTooLarge, "more than " + std::to_string(kMaxBatchRecords) +
                                              " records; send them in smaller batches");
    }
    auto record = ParseRecord(body);
    if (!record) return Fail(InRecord(index, record.error()));
    if (!*record) return Fail(InRecord(index, {Code::kBadRequest, "it ends without a line feed"}));
    if (auto status = CheckInBody(records, **record); !status) {
      return Fail(InRecord(index, status.error()));
    }
    body.remove_prefix((*record)->line.size());
    (*record)->type = TypeOf((*record)->json);
    records.push_back(**std::move(record));
  }
  return records;
}

void ChainHash::Add(std::string_view record_line) {
  crypto_generichash_state hash;
  std::array<unsigned char, 32> next{};
  crypto_generichash_init(&hash, nullptr, 0, next.size());
  crypto_generichash_update(&hash, state_.data(), state_.size());
  crypto_generichash_update(&hash, reinterpret_cast<const unsigned char*>(record_line.data()),
                            record_line.size());
  crypto_generichash_final(&hash, next.data(), next.size());
  state_ = next;
}

std::string ChainHash::Hex() const {
  return HexEncode({reinterpret_cast<const char*>(state_.data()), state_.size()});
}

}  // namespace vm0::event
