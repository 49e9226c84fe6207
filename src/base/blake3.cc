// SPDX-License-Identifier: Apache-2.0
#include "base/blake3.h"

#ifdef WEIR_SYSTEM_BLAKE3
#include <blake3.h>
#else
#include <llvm-c/blake3.h>
#endif

#include <new>

#include "base/assert.h"
#include "base/sha256.h"

namespace weir::base {
namespace {

#ifdef WEIR_SYSTEM_BLAKE3
using Hasher = blake3_hasher;
constexpr auto kInit = blake3_hasher_init;
constexpr auto kUpdate = blake3_hasher_update;
constexpr auto kFinalize = blake3_hasher_finalize;
#else
using Hasher = llvm_blake3_hasher;
constexpr auto kInit = llvm_blake3_hasher_init;
constexpr auto kUpdate = llvm_blake3_hasher_update;
constexpr auto kFinalize = llvm_blake3_hasher_finalize;
#endif

static_assert(sizeof(Hasher) <= sizeof(Blake3), "the state must fit into Blake3::state_");
static_assert(alignof(Hasher) <= alignof(Blake3));

}  // namespace

// The engine itself fills its state.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
Blake3::Blake3() { kInit(::new (state_.data()) Hasher); }

Blake3& Blake3::update(std::string_view bytes) {
  kUpdate(std::launder(reinterpret_cast<Hasher*>(state_.data())), bytes.data(), bytes.size());
  return *this;
}

void Blake3::finish(std::span<std::uint8_t> out) const {
  kFinalize(std::launder(reinterpret_cast<const Hasher*>(state_.data())), out.data(), out.size());
}

Digest blake3(std::string_view bytes) {
  Digest digest{};
  Blake3().update(bytes).finish(digest);
  return digest;
}

std::string blake3_hex(std::string_view bytes, std::size_t length) {
  const Digest digest = blake3(bytes);
  WEIR_ASSERT(length <= digest.size());
  return to_hex(std::span(digest).first(length));
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex(bytes.size() * 2, '\0');
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    hex[2 * at] = kHex[bytes[at] >> 4];
    hex[2 * at + 1] = kHex[bytes[at] & 0xf];
  }
  return hex;
}

std::string sha256_hex(std::string_view bytes) { return to_hex(sha256(bytes)); }

}  // namespace weir::base
