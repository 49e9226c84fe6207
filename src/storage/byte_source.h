// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace weir::storage {

/// Bytes that become an object: how many there are is known before. Used by one thread.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Fills the beginning of `into` with the next bytes, and says how many; 0 only at the end.
  virtual Result<std::size_t> read(std::span<char> into) = 0;
  /// Begins again at the first byte: a put may have to.
  virtual Result<void> rewind() = 0;
};

/// Bytes in memory, which must outlive it.
class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::size_t> read(std::span<char> into) override;
  Result<void> rewind() override;

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

/// A regular file that stays open, from its first byte; the descriptor must outlive it. UNAVAILABLE
/// `source_unreadable` of what cannot be read.
class FileSource final : public ByteSource {
 public:
  /// INVALID_ARGUMENT `source_unreadable` if it is no regular file.
  static Result<FileSource> of(int descriptor);
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::span<char> into) override;
  Result<void> rewind() override;

 private:
  FileSource(int descriptor, std::uint64_t size) : descriptor_(descriptor), size_(size) {}
  int descriptor_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
};

}  // namespace weir::storage
