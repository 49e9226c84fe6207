// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "base/assert.h"

namespace weir::base {
namespace {

constexpr std::size_t kTextBytes = 36;
constexpr std::size_t kSha1Bytes = 20;

constexpr bool dash_at(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

int digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

/// Writes the version and RFC 9562's variant over their six bits.
void stamp(Uuid& uuid, unsigned version) {
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0fU) | version << 4U);
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3fU) | 0x80U);
}

}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kTextBytes) return std::nullopt;
  Uuid uuid;
  std::size_t digits = 0;
  for (std::size_t at = 0; at < kTextBytes; ++at) {
    if (dash_at(at)) {
      if (text[at] != '-') return std::nullopt;
      continue;
    }
    const int digit = digit_of(text[at]);
    if (digit < 0) return std::nullopt;
    std::uint8_t& byte = uuid.bytes[digits / 2];
    byte = static_cast<std::uint8_t>((static_cast<unsigned>(byte) << 4U) |
                                     static_cast<unsigned>(digit));
    ++digits;
  }
  return uuid;
}

std::string Uuid::text() const {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text(kTextBytes, '-');
  std::size_t at = 0;
  for (const std::uint8_t byte : bytes) {
    if (dash_at(at)) ++at;
    text[at++] = kHex[byte >> 4U];
    text[at++] = kHex[byte & 0xfU];
  }
  return text;
}

Uuid uuid_v5(const Uuid& name_space, std::string_view name) {
  std::string bytes(name_space.bytes.begin(), name_space.bytes.end());
  bytes += name;
  std::array<std::uint8_t, kSha1Bytes> digest{};
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  WEIR_ASSERT(done == 1);
  Uuid uuid;
  std::copy_n(digest.begin(), uuid.bytes.size(), uuid.bytes.begin());
  stamp(uuid, 5);
  return uuid;
}

Uuid uuid_v7(Instant now, Random& random) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch());
  auto time = static_cast<std::uint64_t>(since.count());
  std::uint64_t high = random.next();
  std::uint64_t low = random.next();
  Uuid uuid;
  for (std::size_t at = 6; at-- > 0; time >>= 8U) uuid.bytes[at] = time & 0xffU;
  for (std::size_t at = 8; at-- > 6; high >>= 8U) uuid.bytes[at] = high & 0xffU;
  for (std::size_t at = 16; at-- > 8; low >>= 8U) uuid.bytes[at] = low & 0xffU;
  stamp(uuid, 7);
  return uuid;
}

}  // namespace weir::base
