// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// PostgreSQL's binary formats are big endian; timestamps count microseconds from 2000-01-01 UTC.
namespace weir::postgres::wire {

/// Microseconds from 1970-01-01 to 2000-01-01.
inline constexpr std::int64_t kEpochOffsetUs = 946'684'800'000'000;

template <std::unsigned_integral Number>
Number to_big_endian(Number value) {
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  return value;
}

template <std::unsigned_integral Number>
void append(std::string& buffer, Number value) {
  const Number wire = to_big_endian(value);
  char bytes[sizeof wire];
  std::memcpy(bytes, &wire, sizeof wire);
  buffer.append(bytes, sizeof bytes);
}

template <std::unsigned_integral Number>
void overwrite(std::string& buffer, std::size_t offset, Number value) {
  const Number wire = to_big_endian(value);
  std::memcpy(buffer.data() + offset, &wire, sizeof wire);
}

/// The number at the start of `bytes`, which must hold it.
template <std::unsigned_integral Number>
Number read(std::string_view bytes) {
  Number wire = 0;
  bytes.copy(reinterpret_cast<char*>(&wire), sizeof wire);
  return to_big_endian(wire);
}

}  // namespace weir::postgres::wire
