// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::base {

/// BLAKE3 (O'Connor, Aumasson, Neves, Wilcox-O'Hearn 2020), unkeyed, over bytes given in pieces.
class Blake3 {
 public:
  Blake3();
  Blake3& update(std::string_view bytes);
  /// Fills `out` with the first out.size() bytes of the extendable output; may be called again.
  void finish(std::span<std::uint8_t> out) const;

 private:
  alignas(8) std::array<unsigned char, 1920> state_;
};

/// A 32-byte digest.
using Digest = std::array<std::uint8_t, 32>;

Digest blake3(std::string_view bytes);
/// Lower-case hex of the first `length` bytes of the digest.
std::string blake3_hex(std::string_view bytes, std::size_t length = 32);
std::string to_hex(std::span<const std::uint8_t> bytes);

/// Lower-case hex of SHA-256 (FIPS 180-4); the snapshot hash of contract section 4.
std::string sha256_hex(std::string_view bytes);

}  // namespace weir::base
