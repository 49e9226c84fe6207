// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"

namespace weir::postgres {

/// Types a parameter can have; the values are PostgreSQL's type OIDs.
enum class Type : std::uint32_t {
  Bool = 16,
  Bytea = 17,
  Int8 = 20,
  Int4 = 23,
  Text = 25,
  Float8 = 701,
  Timestamptz = 1184,
  Jsonb = 3802,
  BoolArray = 1000,
  ByteaArray = 1001,
  Int4Array = 1007,
  TextArray = 1009,
  Int8Array = 1016,
  Float8Array = 1022,
  TimestamptzArray = 1185,
  Uuid = 2950,
  UuidArray = 2951,
};

/// The parameters $1, $2, … of one statement, in order, encoded in PostgreSQL's binary format into
/// one contiguous buffer:
///
///     Params().text(node_id).int64(epoch).text_array(nodes, &Node::topic)
///
/// Types are sent along: what a column of another type needs is a cast in the SQL (`$1::uuid`).
/// Text must be UTF-8 without zero bytes; the server refuses other text.
/// A value; one thread at a time.
class Params {
 public:
  Params& text(std::string_view value);
  Params& int64(std::int64_t value);
  Params& int32(std::int32_t value);
  Params& number(double value);
  Params& boolean(bool value);
  Params& bytes(std::span<const std::byte> value);
  /// A timestamptz, exact to the microsecond.
  Params& instant(Instant value);
  /// A jsonb from the text of a JSON document.
  Params& json(std::string_view document);
  Params& uuid(const base::Uuid& value);
  /// SQL NULL. The type is that of the other calls of the same statement.
  Params& null(Type type);
  /// The text, or NULL of type text.
  Params& text_or_null(std::optional<std::string_view> value);
  Params& int64_or_null(std::optional<std::int64_t> value);

  /// Arrays from any range; `projection` (a member, a getter, a function) gives the element, or an
  /// optional of it, whose absence is a NULL element.
  template <std::ranges::input_range Range, class Projection = std::identity>
  Params& text_array(Range&& items, Projection projection = {}) {
    return array<std::string_view>(items, projection, Type::TextArray, Type::Text);
  }
  template <std::ranges::input_range Range, class Projection = std::identity>
  Params& int64_array(Range&& items, Projection projection = {}) {
    return array<std::int64_t>(items, projection, Type::Int8Array, Type::Int8);
  }
  template <std::ranges::input_range Range, class Projection = std::identity>
  Params& int32_array(Range&& items, Projection projection = {}) {
    return array<std::int32_t>(items, projection, Type::Int4Array, Type::Int4);
  }
  template <std::ranges::input_range Range, class Projection = std::identity>
  Params& number_array(Range&& items, Projection projection = {}) {
    return array<double>(items, projection, Type::Float8Array, Type::Float8);
  }
  template <std::ranges::input_range Range, class Projection = std::identity>
  Params& boolean_array(Range&& items, Projection projection = {}) {
    return array<bool>(items, projection, Type::BoolArray, Type::Bool);
  }
  template <std::ranges::input_range Range, class Projection = std::identity>
  Params& bytes_array(Range&& items, Projection projection = {}) {
    return array<std::span<const std::byte>>(items, projection, Type::ByteaArray, Type::Bytea);
  }

  template <std::ranges::input_range Range, class Projection = std::identity>
  Params& instant_array(Range&& items, Projection projection = {}) {
    return array<Instant>(items, projection, Type::TimestamptzArray, Type::Timestamptz);
  }
  template <std::ranges::input_range Range, class Projection = std::identity>
  Params& uuid_array(Range&& items, Projection projection = {}) {
    return array<base::Uuid>(items, projection, Type::UuidArray, Type::Uuid);
  }

  /// Room for `bytes` more bytes, for callers that know their size.
  void reserve(std::size_t bytes) { buffer_.reserve(buffer_.size() + bytes); }

  std::size_t size() const { return slots_.size(); }
  Type type(std::size_t index) const { return slots_[index].type; }
  /// The encoded bytes, or nothing for NULL. Valid until the next call that adds.
  std::optional<std::string_view> value(std::size_t index) const;

 private:
  struct Slot {
    std::size_t offset;
    std::size_t length;
    Type type;
    bool null;
  };
  /// Where an array under construction began, and what it holds so far.
  struct OpenArray {
    std::size_t offset;
    std::uint32_t count;
    bool has_null;
  };

  template <class Element, class Range, class Projection>
  Params& array(Range& items, Projection& projection, Type type, Type element_type) {
    OpenArray open = begin_array(element_type);
    for (auto&& item : items) add_element<Element>(open, std::invoke(projection, item));
    return end_array(open, type);
  }
  template <class Element, class Value>
  void add_element(OpenArray& open, const Value& value) {
    if constexpr (requires {
                    value.has_value();
                    *value;
                  }) {
      if (value.has_value()) {
        add_item(open, static_cast<Element>(*value));
      } else {
        add_null_item(open);
      }
    } else {
      add_item(open, static_cast<Element>(value));
    }
  }

  OpenArray begin_array(Type element_type);
  Params& end_array(const OpenArray& open, Type type);
  void add_null_item(OpenArray& open);
  void add_item(OpenArray& open, std::string_view value);
  void add_item(OpenArray& open, std::span<const std::byte> value);
  void add_item(OpenArray& open, std::int64_t value);
  void add_item(OpenArray& open, std::int32_t value);
  void add_item(OpenArray& open, double value);
  void add_item(OpenArray& open, bool value);
  void add_item(OpenArray& open, Instant value);
  void add_item(OpenArray& open, const base::Uuid& value);
  Params& close_slot(std::size_t offset, Type type);

  std::string buffer_;
  std::vector<Slot> slots_;
};

}  // namespace weir::postgres
