// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace vm0 {

// A UUID (RFC 9562). A value; 16 bytes; orders as its text does.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  // Version 7: sorts by `time` (milliseconds), the rest is random.
  static Uuid NewV7(WallTime time);
  // 8-4-4-4-12 hex digits of either case; nullopt for anything else.
  static std::optional<Uuid> Parse(std::string_view text);
  std::string ToString() const;
  auto operator<=>(const Uuid&) const = default;
};

// An id that can not be mistaken for the id of another kind of thing.
template <class Tag>
struct Id {
  Uuid uuid;

  static Id New(WallTime time) { return {Uuid::NewV7(time)}; }
  static std::optional<Id> Parse(std::string_view text) {
    auto uuid = Uuid::Parse(text);
    if (!uuid) return std::nullopt;
    return Id{*uuid};
  }
  std::string ToString() const { return uuid.ToString(); }
  auto operator<=>(const Id&) const = default;
};

using RunId = Id<struct RunTag>;
using ConfigId = Id<struct ConfigTag>;
using TokenId = Id<struct TokenTag>;

}  // namespace vm0

template <class Tag>
struct std::hash<vm0::Id<Tag>> {
  std::size_t operator()(const vm0::Id<Tag>& id) const noexcept {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(id.uuid.bytes.data()), id.uuid.bytes.size()});
  }
};
