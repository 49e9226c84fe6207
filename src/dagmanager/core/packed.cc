// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/packed.h"

#include <array>
#include <cstring>
#include <optional>

namespace weir::dagmanager {
namespace {

constexpr std::string_view kDigestPrefix = "blake3:";
constexpr std::size_t kDigestHex = 2 * sizeof(base::Digest);
constexpr std::uint8_t kNoDigit = 0xff;

/// The value of each lower-case hex digit.
constexpr std::array<std::uint8_t, 256> kHexDigits = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

/// The digest that a text begins with, if it begins with one.
std::optional<base::Digest> leading_digest(std::string_view text) {
  if (text.size() < kDigestPrefix.size() + kDigestHex) return std::nullopt;
  if (!text.starts_with(kDigestPrefix)) return std::nullopt;
  text.remove_prefix(kDigestPrefix.size());
  base::Digest digest{};
  std::uint8_t wrong = 0;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const std::uint8_t high = kHexDigits[static_cast<unsigned char>(text[2 * i])];
    const std::uint8_t low = kHexDigits[static_cast<unsigned char>(text[2 * i + 1])];
    wrong |= static_cast<std::uint8_t>(high | low);
    digest[i] = static_cast<std::uint8_t>(high << 4 | (low & 0xf));
  }
  if ((wrong & 0xf0) != 0) return std::nullopt;
  return digest;
}

}  // namespace

char* ByteArena::take(std::size_t size) {
  size = rounded(size);
  if (const auto found = free_.find(size); found != free_.end() && found->second != nullptr) {
    char* piece = found->second;
    std::memcpy(&found->second, piece, sizeof(char*));
    return piece;
  }
  if (size > kBlockBytes / 4) {  // a block of its own, and the one begun goes on
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    return blocks_.back().get();
  }
  if (size > left_) {
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
    next_ = blocks_.back().get();
    left_ = kBlockBytes;
  }
  char* piece = next_;
  next_ += size;
  left_ -= size;
  return piece;
}

void ByteArena::give_back(char* piece, std::size_t size) {
  static_assert(kAlignment >= sizeof(char*));
  size = rounded(size);
  if (size == 0) return;
  char*& first = free_[size];
  std::memcpy(piece, &first, sizeof(char*));
  first = piece;
}

char* ByteArena::keep(std::string_view bytes) {
  char* piece = take(bytes.size());
  std::memcpy(piece, bytes.data(), bytes.size());
  return piece;
}

PackedWriter& PackedWriter::number(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
  out_ += static_cast<char>(value);
  return *this;
}

PackedWriter& PackedWriter::integer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return number(value < 0 ? ~(bits << 1) : bits << 1);
}

PackedWriter& PackedWriter::raw(std::string_view text) {
  number(text.size());
  out_ += text;
  return *this;
}

PackedWriter& PackedWriter::text(std::string_view text) {
  const auto leading = leading_digest(text);
  if (!leading) {
    number(text.size() << 1);
    out_ += text;
    return *this;
  }
  text.remove_prefix(kDigestPrefix.size() + kDigestHex);
  number(text.size() << 1 | 1);
  digest(*leading);
  out_ += text;
  return *this;
}

PackedWriter& PackedWriter::digest(const base::Digest& digest) {
  out_.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return *this;
}

std::uint64_t PackedReader::number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at_++);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

std::int64_t PackedReader::integer() {
  const std::uint64_t bits = number();
  return static_cast<std::int64_t>((bits & 1) != 0 ? ~(bits >> 1) : bits >> 1);
}

std::string_view PackedReader::raw() {
  const std::uint64_t size = number();
  return take(size);
}

std::string PackedReader::text() {
  const std::uint64_t head = number();
  std::string text;
  if ((head & 1) != 0) text.append(kDigestPrefix).append(base::to_hex(digest()));
  text += take(head >> 1);
  return text;
}

std::string_view PackedReader::packed_text() {
  const char* begin = at_;
  const std::uint64_t head = number();
  if ((head & 1) != 0) at_ += sizeof(base::Digest);
  take(head >> 1);
  return {begin, static_cast<std::size_t>(at_ - begin)};
}

base::Digest PackedReader::digest() {
  base::Digest digest{};
  std::memcpy(digest.data(), at_, digest.size());
  at_ += digest.size();
  return digest;
}

}  // namespace weir::dagmanager
