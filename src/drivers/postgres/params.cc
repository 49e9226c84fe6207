// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/params.h"

#include <bit>

#include "base/assert.h"
#include "drivers/postgres/limits.h"
#include "drivers/postgres/wire.h"

namespace weir::postgres {
namespace {

constexpr std::uint32_t kNullLength = 0xFFFF'FFFF;  // A length of -1.
constexpr char kJsonbVersion = 1;

// Header of an array of one dimension: dimensions, has-null flag, element type, length, lower
// bound.
constexpr std::size_t kFlagOffset = 4;
constexpr std::size_t kCountOffset = 12;
constexpr std::size_t kEmptyArrayBytes = 12;

std::uint32_t bits(std::int32_t value) { return static_cast<std::uint32_t>(value); }
std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }
std::uint8_t bits(bool value) { return value ? 1 : 0; }
std::uint64_t bits(Instant value) {
  return bits(std::int64_t{value.time_since_epoch().count()} - wire::kEpochOffsetUs);
}

std::string_view chars(std::span<const std::byte> value) {
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}
std::string_view chars(const base::Uuid& value) {
  return {reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()};
}

}  // namespace

Params& Params::text(std::string_view value) {
  const std::size_t offset = buffer_.size();
  buffer_.append(value);
  return close_slot(offset, Type::Text);
}

Params& Params::int64(std::int64_t value) {
  const std::size_t offset = buffer_.size();
  wire::append(buffer_, bits(value));
  return close_slot(offset, Type::Int8);
}

Params& Params::int32(std::int32_t value) {
  const std::size_t offset = buffer_.size();
  wire::append(buffer_, bits(value));
  return close_slot(offset, Type::Int4);
}

Params& Params::number(double value) {
  const std::size_t offset = buffer_.size();
  wire::append(buffer_, bits(value));
  return close_slot(offset, Type::Float8);
}

Params& Params::boolean(bool value) {
  const std::size_t offset = buffer_.size();
  wire::append(buffer_, bits(value));
  return close_slot(offset, Type::Bool);
}

Params& Params::bytes(std::span<const std::byte> value) {
  const std::size_t offset = buffer_.size();
  buffer_.append(chars(value));
  return close_slot(offset, Type::Bytea);
}

Params& Params::instant(Instant value) {
  const std::size_t offset = buffer_.size();
  wire::append(buffer_, bits(value));
  return close_slot(offset, Type::Timestamptz);
}

Params& Params::json(std::string_view document) {
  const std::size_t offset = buffer_.size();
  buffer_.push_back(kJsonbVersion);
  buffer_.append(document);
  return close_slot(offset, Type::Jsonb);
}

Params& Params::uuid(const base::Uuid& value) {
  const std::size_t offset = buffer_.size();
  buffer_.append(chars(value));
  return close_slot(offset, Type::Uuid);
}

Params& Params::null(Type type) {
  slots_.push_back({buffer_.size(), 0, type, true});
  return *this;
}

Params& Params::text_or_null(std::optional<std::string_view> value) {
  return value ? text(*value) : null(Type::Text);
}

Params& Params::int64_or_null(std::optional<std::int64_t> value) {
  return value ? int64(*value) : null(Type::Int8);
}

std::optional<std::string_view> Params::value(std::size_t index) const {
  const Slot& slot = slots_[index];
  if (slot.null) return std::nullopt;
  return std::string_view(buffer_).substr(slot.offset, slot.length);
}

Params& Params::close_slot(std::size_t offset, Type type) {
  WEIR_ASSERT(slots_.size() < kParametersMax);
  WEIR_ASSERT(buffer_.size() <= kParameterBytesMax);
  slots_.push_back({offset, buffer_.size() - offset, type, false});
  return *this;
}

Params::OpenArray Params::begin_array(Type element_type) {
  const OpenArray open{buffer_.size(), 0, false};
  wire::append(buffer_, std::uint32_t{1});  // Dimensions.
  wire::append(buffer_, std::uint32_t{0});  // Has-null flag, patched.
  wire::append(buffer_, static_cast<std::uint32_t>(element_type));
  wire::append(buffer_, std::uint32_t{0});  // Length, patched.
  wire::append(buffer_, std::uint32_t{1});  // Lower bound.
  return open;
}

Params& Params::end_array(const OpenArray& open, Type type) {
  if (open.count == 0) {
    buffer_.resize(open.offset + kEmptyArrayBytes);
    wire::overwrite(buffer_, open.offset, std::uint32_t{0});
  } else {
    wire::overwrite(buffer_, open.offset + kFlagOffset, std::uint32_t{open.has_null});
    wire::overwrite(buffer_, open.offset + kCountOffset, open.count);
  }
  return close_slot(open.offset, type);
}

void Params::add_null_item(OpenArray& open) {
  wire::append(buffer_, kNullLength);
  open.has_null = true;
  ++open.count;
}

void Params::add_item(OpenArray& open, std::string_view value) {
  WEIR_ASSERT(value.size() <= kParameterBytesMax);
  wire::append(buffer_, static_cast<std::uint32_t>(value.size()));
  buffer_.append(value);
  ++open.count;
}

void Params::add_item(OpenArray& open, std::span<const std::byte> value) {
  add_item(open, chars(value));
}

void Params::add_item(OpenArray& open, std::int64_t value) {
  wire::append(buffer_, std::uint32_t{sizeof value});
  wire::append(buffer_, bits(value));
  ++open.count;
}

void Params::add_item(OpenArray& open, std::int32_t value) {
  wire::append(buffer_, std::uint32_t{sizeof value});
  wire::append(buffer_, bits(value));
  ++open.count;
}

void Params::add_item(OpenArray& open, double value) {
  wire::append(buffer_, std::uint32_t{sizeof value});
  wire::append(buffer_, bits(value));
  ++open.count;
}

void Params::add_item(OpenArray& open, bool value) {
  wire::append(buffer_, std::uint32_t{1});
  wire::append(buffer_, bits(value));
  ++open.count;
}

void Params::add_item(OpenArray& open, Instant value) {
  wire::append(buffer_, std::uint32_t{sizeof(std::int64_t)});
  wire::append(buffer_, bits(value));
  ++open.count;
}

void Params::add_item(OpenArray& open, const base::Uuid& value) { add_item(open, chars(value)); }

}  // namespace weir::postgres
