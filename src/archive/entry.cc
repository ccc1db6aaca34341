// SPDX-License-Identifier: Apache-2.0
#include "archive/entry.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/text.h"

namespace vm0::archive {
namespace {

// Where a block has what.
struct Field {
  std::size_t begin;
  std::size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kChanged{136, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kTarget{157, 100};
constexpr Field kMagic{257, 8};
constexpr Field kPrefix{345, 155};
constexpr std::string_view kUstar("ustar\00000", 8);
constexpr std::int64_t kMostOctal = 077777777777;
constexpr mode_t kPermissions = 0777;

constexpr char kFile = '0';
constexpr char kLink = '2';
constexpr char kFolder = '5';
constexpr char kExtension = 'x';

void PutText(std::string& block, Field field, std::string_view text) {
  text.copy(block.data() + field.begin, field.size);
}

void PutOctal(std::string& block, Field field, std::uint64_t number) {
  for (std::size_t at = field.begin + field.size - 1; at-- > field.begin; number >>= 3) {
    block[at] = static_cast<char>('0' + (number & 7));
  }
}

// Of all bytes, those of the checksum taken for spaces.
std::uint64_t ChecksumOf(std::string_view block) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < kBlock; ++at) {
    const bool own = at >= kChecksum.begin && at < kChecksum.begin + kChecksum.size;
    sum += own ? ' ' : static_cast<unsigned char>(block[at]);
  }
  return sum;
}

std::string FormatBlock(const Entry& entry, char type, std::int64_t size) {
  std::string block(kBlock, '\0');
  PutText(block, kName, entry.path);
  PutOctal(block, kMode, entry.permissions);
  PutOctal(block, kUid, 0);
  PutOctal(block, kGid, 0);
  PutOctal(block, kSize, static_cast<std::uint64_t>(std::min(size, kMostOctal)));
  const auto seconds = std::clamp<std::int64_t>(entry.changed.tv_sec, 0, kMostOctal);
  PutOctal(block, kChanged, static_cast<std::uint64_t>(seconds));
  block[kType] = type;
  PutText(block, kTarget, entry.target);
  PutText(block, kMagic, kUstar);
  PutOctal(block, {kChecksum.begin, kChecksum.size - 1}, ChecksumOf(block));
  block[kChecksum.begin + kChecksum.size - 1] = ' ';
  return block;
}

// "LENGTH KEY=VALUE\n", where the length counts itself.
std::string FormatRecord(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t size = rest + 1;
  while (size != rest + std::to_string(size).size()) ++size;
  return std::to_string(size) + " " + std::string(key) + "=" + std::string(value) + "\n";
}

std::string FormatTime(const timespec& time) {
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%09ld", time.tv_nsec);
  return std::to_string(time.tv_sec) + fraction.data();
}

std::string RecordsOf(const Entry& entry) {
  std::string records;
  if (entry.path.size() > kName.size) records += FormatRecord("path", entry.path);
  if (entry.target.size() > kTarget.size) records += FormatRecord("linkpath", entry.target);
  if (entry.size > kMostOctal) records += FormatRecord("size", std::to_string(entry.size));
  const bool is_whole = entry.changed.tv_nsec == 0 && entry.changed.tv_sec <= kMostOctal;
  if (entry.changed.tv_sec >= 0 && !is_whole) {
    records += FormatRecord("mtime", FormatTime(entry.changed));
  }
  return records;
}

char TypeOf(Entry::Kind kind) {
  switch (kind) {
    case Entry::Kind::kFile:
      return kFile;
    case Entry::Kind::kFolder:
      return kFolder;
    case Entry::Kind::kLink:
      return kLink;
  }
  return kFile;
}

std::unexpected<Error> Bad(std::string message) {
  return Fail(Code::kBadRequest, std::move(message));
}

std::string_view TextOf(std::string_view block, Field field) {
  const std::string_view text = block.substr(field.begin, field.size);
  return text.substr(0, text.find('\0'));
}

// Octal digits, with spaces before and spaces or NULs behind.
std::optional<std::int64_t> OctalOf(std::string_view block, Field field) {
  std::string_view text = TextOf(block, field);
  text = TrimAscii(text);
  if (text.size() > 20) return std::nullopt;
  std::int64_t number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7') return std::nullopt;
    number = number * 8 + (digit - '0');
  }
  return number;
}

std::optional<timespec> ParseTime(std::string_view text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  const auto seconds = ParseInt(text.substr(0, point));
  if (!seconds || *seconds < 0) return std::nullopt;
  long nanoseconds = 0;
  std::string fraction(text.substr(std::min(point + 1, text.size())));
  fraction.resize(9, '0');
  for (const char digit : fraction) {
    if (digit < '0' || digit > '9') return std::nullopt;
    nanoseconds = nanoseconds * 10 + (digit - '0');
  }
  return timespec{.tv_sec = *seconds, .tv_nsec = nanoseconds};
}

bool Take(Extension& extension, std::string_view key, std::string_view value) {
  if (value.find('\0') != std::string_view::npos) return false;
  if (key == "path") extension.path = value;
  if (key == "linkpath") extension.target = value;
  if (key == "size") {
    const auto size = ParseInt(value);
    if (!size || *size < 0) return false;
    extension.size = *size;
  }
  if (key == "mtime") {
    const auto time = ParseTime(value);
    if (!time) return false;
    extension.changed = *time;
  }
  return true;
}

Result<Header> ParseType(Header header, char type) {
  using Kind = Entry::Kind;
  header.kind = type == kExtension ? Header::Kind::kExtension : Header::Kind::kEntry;
  if (type == kExtension) return header;
  const std::string& path = header.entry.path;
  switch (type) {
    case kFile:
    case '\0':
      header.entry.kind = Kind::kFile;
      return header;
    case kLink:
      header.entry.kind = Kind::kLink;
      break;
    case kFolder:
      header.entry.kind = Kind::kFolder;
      break;
    case '1':
      return Bad(path + ": is a hard link, which is not taken");
    case '3':
    case '4':
    case '6':
      return Bad(path + ": is a device or a pipe, which is not taken");
    default:
      return Bad(path + ": is of a kind that is not known here");
  }
  if (header.size != 0) return Bad(path + ": has content, though it is no file");
  return header;
}

}  // namespace

bool Entry::operator==(const Entry& other) const {
  return kind == other.kind && path == other.path && target == other.target &&
         permissions == other.permissions && size == other.size &&
         changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec;
}

std::size_t PaddingOf(std::int64_t size) {
  return (kBlock - static_cast<std::size_t>(size) % kBlock) % kBlock;
}

std::string FormatEntry(const Entry& entry) {
  std::string blocks;
  if (std::string records = RecordsOf(entry); !records.empty()) {
    const Entry extension{.kind = Entry::Kind::kFile, .path = "extension"};
    const auto size = static_cast<std::int64_t>(records.size());
    records.resize(records.size() + PaddingOf(size));
    blocks = FormatBlock(extension, kExtension, size) + records;
  }
  return blocks + FormatBlock(entry, TypeOf(entry.kind), entry.size);
}

Result<Extension> ParseExtension(std::string_view records) {
  Extension extension;
  while (!records.empty()) {
    const std::size_t space = records.find(' ');
    const auto size = ParseInt(records.substr(0, std::min(space, records.size())));
    const bool fits = size && space != std::string_view::npos &&
                      static_cast<std::size_t>(*size) <= records.size() &&
                      static_cast<std::size_t>(*size) > space + 1;
    if (!fits) return Bad("an extended header is damaged");
    const std::string_view record =
        records.substr(space + 1, static_cast<std::size_t>(*size) - space - 1);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || record.back() != '\n') {
      return Bad("an extended header is damaged");
    }
    const std::string_view value = record.substr(equals + 1, record.size() - equals - 2);
    if (!Take(extension, record.substr(0, equals), value)) {
      return Bad("an extended header has a bad " + std::string(record.substr(0, equals)));
    }
    records.remove_prefix(static_cast<std::size_t>(*size));
  }
  return extension;
}

Result<Header> ParseHeader(std::string_view block) {
  if (std::ranges::all_of(block, [](char byte) { return byte == '\0'; })) return Header{};
  const auto checksum = OctalOf(block, kChecksum);
  if (!checksum || static_cast<std::uint64_t>(*checksum) != ChecksumOf(block)) {
    return Bad("a header is damaged, or this is no tar archive");
  }
  if (!block.substr(kMagic.begin).starts_with(kUstar)) {
    return Bad("it is no tar archive of POSIX.1-2001");
  }
  const auto mode = OctalOf(block, kMode);
  const auto size = OctalOf(block, kSize);
  const auto changed = OctalOf(block, kChanged);
  if (!mode || !size || !changed) return Bad("a header has a bad number");
  Header header{.kind = Header::Kind::kEntry, .entry = {}, .size = *size};
  const std::string_view prefix = TextOf(block, kPrefix);
  header.entry.path = std::string(prefix) + (prefix.empty() ? "" : "/");
  header.entry.path += TextOf(block, kName);
  header.entry.target = TextOf(block, kTarget);
  header.entry.permissions = static_cast<mode_t>(*mode) & kPermissions;
  header.entry.size = *size;
  header.entry.changed = {.tv_sec = *changed, .tv_nsec = 0};
  return ParseType(std::move(header), block[kType]);
}

void Extend(Entry& entry, const Extension& extension) {
  if (!extension.path.empty()) entry.path = extension.path;
  if (!extension.target.empty()) entry.target = extension.target;
  if (extension.size >= 0) entry.size = extension.size;
  if (extension.changed.tv_nsec >= 0) entry.changed = extension.changed;
}

}  // namespace vm0::archive
