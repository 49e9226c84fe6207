// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Bounds of a DAG file and of what is told about one (contract chapter 2).
namespace weir::dispatcher {

inline constexpr std::size_t kDagBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kDagDepthMax = 32;
inline constexpr std::size_t kJobsMax = 2000;
inline constexpr std::size_t kInputsMax = 64;
inline constexpr std::size_t kOutputsMax = 64;
inline constexpr std::size_t kWhereFieldsMax = 16;
inline constexpr std::size_t kWhereValuesMax = 64;
inline constexpr std::size_t kUniqueColumnsMax = 16;
inline constexpr std::size_t kColumnsMax = 512;
inline constexpr std::size_t kIndexesMax = 16;
inline constexpr std::size_t kChecksMax = 32;
inline constexpr std::size_t kDatasetIdBytesMax = 256;
inline constexpr std::size_t kConfigBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kConfigDepthMax = 16;

/// What the wire carries without loss (section 0): integers of either sign below 2^53.
inline constexpr std::int64_t kWireIntegerMax = (std::int64_t{1} << 53) - 1;

/// Faults of one kind (errors, warnings) in one answer; of errors, one more says that there are
/// more.
inline constexpr std::size_t kFaultsMax = 200;
/// Faults that are kept while a file is read; of more, those that come first in it.
inline constexpr std::size_t kFaultsKeptMax = 4096;
static_assert(kFaultsKeptMax > kFaultsMax, "the first ones of many are found among those kept");
/// Hints are looked for while there are fewer faults than this: each looks at up to 2000 names.
inline constexpr std::size_t kHintedFaultsMax = 1000;
static_assert(kHintedFaultsMax > kFaultsMax, "whoever sees all faults sees all hints");
/// Legal names that a fault lists; of more it says how many.
inline constexpr std::size_t kNamesShownMax = 20;
/// A hint names what is at most this many letters away.
inline constexpr std::size_t kHintEditsMax = 2;
/// Jobs of a cycle that are named.
inline constexpr std::size_t kCycleShownMax = 8;

/// A schedule must come due within this many years.
inline constexpr int kScheduleYearsMax = 5;

/// Bytes of a registry file (datasets and bundles, or operators).
inline constexpr std::size_t kRegistryBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kRegistryDepthMax = 32;

}  // namespace weir::dispatcher
