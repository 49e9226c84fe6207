// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

/// Bounds of the user listener (contract sections 0 and 3.5).
namespace weir::dispatcher {

inline constexpr std::size_t kDagBodyBytes = std::size_t{1} << 20;
/// `{yaml, plan}`: the document in JSON, where an escape may take six bytes, is bounded like one
/// that is not; the plan of two thousand jobs stands beside it.
inline constexpr std::size_t kDeployBodyBytes = std::size_t{2} << 20;
inline constexpr std::size_t kRunBodyBytes = std::size_t{1} << 20;
inline constexpr std::size_t kSmallBodyBytes = std::size_t{64} << 10;

inline constexpr std::size_t kRunPayloadBytes = std::size_t{16} << 10;
inline constexpr std::size_t kScopeBytes = 256;  ///< of a cursor or a partition key
inline constexpr std::size_t kDagNameBytes = 128;
inline constexpr std::size_t kJobNameBytes = 128;
inline constexpr std::size_t kDatasetIdBytes = 256;
inline constexpr std::size_t kKeepJobsMax = 2000;  ///< as many as a DAG file may have
inline constexpr std::size_t kPageMax = 500;
inline constexpr std::size_t kPageDefault = 100;
inline constexpr std::size_t kPageCursorBytes = 1024;
inline constexpr std::size_t kBearerBytes = 16 << 10;

/// `Idempotency-Key`: printable ASCII. A request that holds its key longer than this has died, or
/// is harmless to repeat.
inline constexpr std::size_t kRepeatKeyBytes = 255;
inline constexpr std::chrono::seconds kRepeatHold{5};
inline constexpr std::chrono::hours kRepeatKept{24};

/// Requests a minute, and how many users and organisations are told apart at once; those that come
/// on top share one allowance.
inline constexpr std::size_t kUserRequestsAMinute = 100;
inline constexpr std::size_t kOrgRequestsAMinute = 1000;
inline constexpr std::size_t kRateKeysMax = 10'000;
/// Audit rows about credentials that did not hold; anyone can send those.
inline constexpr std::size_t kStrangerAuditsAMinute = 60;

}  // namespace weir::dispatcher
