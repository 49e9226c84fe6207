// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/blake3.h"

/// Records as few bytes: numbers take as many as they need, names made of a BLAKE3 half of what
/// their text takes. What tens of thousands of rows are kept as.
namespace weir::dagmanager {

/// Memory that is handed out in pieces, each at a multiple of 8 and where it is until it is given
/// back. A piece costs its bytes, rounded up to 8: there is no allocator's header, and no hole that
/// the memory of a passing diff left.
class ByteArena {
 public:
  ByteArena() = default;
  ~ByteArena() = default;
  ByteArena(const ByteArena&) = delete;
  ByteArena& operator=(const ByteArena&) = delete;
  ByteArena(ByteArena&&) noexcept = default;
  ByteArena& operator=(ByteArena&&) noexcept = default;

  char* take(std::size_t size);
  /// `size` as it was taken with.
  void give_back(char* piece, std::size_t size);
  /// A copy of the bytes.
  char* keep(std::string_view bytes);

  /// What a piece of this size takes.
  static constexpr std::size_t rounded(std::size_t size) {
    return (size + kAlignment - 1) / kAlignment * kAlignment;
  }

 private:
  static constexpr std::size_t kAlignment = 8;
  static constexpr std::size_t kBlockBytes = std::size_t{64} * 1024;

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  absl::flat_hash_map<std::size_t, char*> free_;  // first of a list a size, each names the next
};

/// Appends values to bytes.
class PackedWriter {
 public:
  explicit PackedWriter(std::string& out) : out_(out) {}

  /// Seven bits a byte, the lowest first.
  PackedWriter& number(std::uint64_t value);
  /// Small in either direction is short.
  PackedWriter& integer(std::int64_t value);
  /// As it is, with its length: readable in place.
  PackedWriter& raw(std::string_view text);
  /// A leading "blake3:" and 64 hex digits in 32 bytes, the rest as it is. Equal texts give equal
  /// bytes, others others.
  PackedWriter& text(std::string_view text);
  PackedWriter& digest(const base::Digest& digest);

 private:
  std::string& out_;
};

/// Reads them back in the same order. The bytes are trusted: they are a PackedWriter's.
class PackedReader {
 public:
  explicit PackedReader(const char* bytes) : at_(bytes) {}

  std::uint64_t number();
  std::int64_t integer();
  std::string_view raw();
  std::string text();
  /// The bytes of a text as they are packed.
  std::string_view packed_text();
  base::Digest digest();

  const char* at() const { return at_; }

 private:
  std::string_view take(std::size_t count) {
    const std::string_view bytes(at_, count);
    at_ += count;
    return bytes;
  }

  const char* at_;
};

/// Packed bytes of one text: what packed_text() gives for it.
class PackedText {
 public:
  explicit PackedText(std::string_view text) { PackedWriter(bytes_).text(text); }
  std::string_view view() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace weir::dagmanager
