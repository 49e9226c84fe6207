// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"

namespace weir::base {

/// A UUID (RFC 9562): 16 bytes in the order of its text. Ordered by its bytes, as PostgreSQL orders
/// its type uuid. Default: the nil UUID.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  /// Reads the text form, 8-4-4-4-12 hex digits of either case; nothing if it is no such text.
  static std::optional<Uuid> parse(std::string_view text);

  /// Lower case, 36 characters.
  std::string text() const;
  bool is_nil() const { return *this == Uuid{}; }

  friend bool operator==(const Uuid&, const Uuid&) = default;
  /// By whole words: the ids of a transaction are compared some hundred times a task.
  friend std::strong_ordering operator<=>(const Uuid& a, const Uuid& b) {
    const auto high = a.word(0) <=> b.word(0);
    return high != 0 ? high : a.word(8) <=> b.word(8);
  }

  template <typename H>
  friend H AbslHashValue(H state, const Uuid& id) {
    return H::combine(std::move(state), id.bytes);
  }

 private:
  /// Eight bytes as a number that is ordered as they are.
  std::uint64_t word(std::size_t at) const {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return std::endian::native == std::endian::little ? __builtin_bswap64(number) : number;
  }
};

/// The namespace of domain names (RFC 9562, section 6.6).
inline constexpr Uuid kUuidOfDns = {{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4,
                                     0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}};

/// The UUID that a name has in a namespace: version 5, over SHA-1. Same name, same UUID.
Uuid uuid_v5(const Uuid& name_space, std::string_view name);

/// A random UUID that begins with the millisecond: version 7, so that rows made together stand
/// together in an index.
Uuid uuid_v7(Instant now, Random& random);

/// A UUID that identifies one kind of thing. `TypedUuid<struct TaskIdTag>` and
/// `TypedUuid<struct BuildIdTag>` do not convert into each other, nor from a bare Uuid.
template <class Tag>
class TypedUuid {
 public:
  constexpr TypedUuid() = default;
  constexpr explicit TypedUuid(const Uuid& uuid) : uuid_(uuid) {}

  constexpr const Uuid& uuid() const { return uuid_; }
  std::string text() const { return uuid_.text(); }
  bool is_nil() const { return uuid_.is_nil(); }

  friend bool operator==(const TypedUuid&, const TypedUuid&) = default;
  friend auto operator<=>(const TypedUuid&, const TypedUuid&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const TypedUuid& id) {
    return H::combine(std::move(state), id.uuid_);
  }

 private:
  Uuid uuid_;
};

}  // namespace weir::base

namespace weir {
using base::Uuid;
}  // namespace weir
