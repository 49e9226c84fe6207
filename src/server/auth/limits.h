// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// Every bound of this folder, in one place (style guide, rule 25).
namespace weir::auth {

/// A token as it travels. What would pass it carries `cap` in place of its grants (section 3.1).
inline constexpr std::size_t kTokenBytesMax = std::size_t{8} << 10;
inline constexpr std::size_t kTokenHeaderBytesMax = 1024;
inline constexpr std::size_t kTokenDepthMax = 8;
inline constexpr std::size_t kAudiencesMax = 16;

/// `kid`, `iss`, `aud`, `sub`: one word of a token.
inline constexpr std::size_t kWordBytesMax = 256;

/// How far the clocks of issuer and verifier may differ, at either end of a token's life.
inline constexpr std::chrono::seconds kLeeway{30};
/// The last second of the year 9999: no claim of time lies beyond.
inline constexpr std::int64_t kSecondsMax = 253'402'300'799;

inline constexpr std::size_t kKeysMax = 32;
inline constexpr std::size_t kKeySetBytesMax = std::size_t{64} << 10;
/// A fetched key set is asked for again at most once in this time, whatever comes in.
inline constexpr std::chrono::seconds kKeyFetchPause{10};
/// What the issuer's `Cache-Control: max-age` says: after it the set is asked for again.
inline constexpr std::chrono::seconds kKeySetFresh{300};
/// A set that cannot be fetched again serves this long; then it is forgotten.
inline constexpr std::chrono::seconds kKeySetStale{3600};

/// A capability lives min(timeout + 300 s, 3600 s).
inline constexpr std::chrono::seconds kCapabilityMargin{300};
inline constexpr std::chrono::seconds kCapabilityLifeMax{3600};

/// A signing key signs for a period. It is published that long before, so that every cache has it,
/// and verifies for an overlap after.
inline constexpr std::chrono::hours kSigningPeriod{12};
inline constexpr std::chrono::hours kKeyLead{1};
inline constexpr std::chrono::hours kKeyOverlap{1};

inline constexpr std::size_t kGrantsMax = 1024;  ///< datasets, outputs or prefixes of a capability
inline constexpr std::size_t kWhereFieldsMax = 16;  ///< section 2.5.2
inline constexpr std::size_t kWhereValuesMax = 64;
inline constexpr std::size_t kStorageRefBytesMax = 2048;
inline constexpr std::size_t kPrefixBytesMax = 1024;

inline constexpr std::size_t kWorkerTokenBytes = 32;
inline constexpr std::size_t kWorkerTokenTextMin = 43;  ///< base64url digits of 32 bytes
inline constexpr std::size_t kWorkerTokenTextMax = 128;

inline constexpr std::size_t kSecretFileBytesMax = std::size_t{64} << 10;

// The key that signed a token verifies as long as the token lives.
static_assert(kKeyOverlap >= kCapabilityLifeMax);
// Every cache has asked again before a new key signs.
static_assert(kKeyLead >= kKeySetFresh + kKeyFetchPause);
static_assert(kKeyLead < kSigningPeriod);

}  // namespace weir::auth
