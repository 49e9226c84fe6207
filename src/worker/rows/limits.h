// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"

/// Bounds of rows on their way into tables and back (contract section 6.7).
namespace weir::worker {

/// Bytes of one row as a line of JSON, and columns of a table (section 2.7).
inline constexpr std::size_t kRowBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kColumnsMax = 512;
inline constexpr std::size_t kScopeBytesMax = 256;

/// Rows of one statement, and bytes after which fewer are taken.
inline constexpr std::size_t kRowsPerStatement = 2000;
inline constexpr std::size_t kBytesPerStatement = std::size_t{1} << 20;
/// One read of a body.
inline constexpr std::size_t kBodyReadBytes = std::size_t{64} << 10;
/// Rows that are fetched at once.
inline constexpr std::size_t kRowsPerFetch = 2000;
/// One conversion from or into parquet, how many there are at a time, and the wait for one.
inline constexpr std::chrono::seconds kConversionTime{300};
inline constexpr int kConversionsMax = 2;
inline constexpr std::chrono::seconds kConversionWait{60};
/// What its child says at most.
inline constexpr std::size_t kConversionAnswerBytes = std::size_t{64} << 10;

/// The wait for one of the sessions.
inline constexpr Duration kConnectionWait = std::chrono::seconds(30);

/// Entries and values of a filter (section 2.5.2).
inline constexpr std::size_t kFilterFieldsMax = 16;
inline constexpr std::size_t kFilterValuesMax = 64;

/// A writer that stops in the middle of its transaction, a paused process for example, loses it
/// after this time; who waits for its scope waits longer.
inline constexpr std::chrono::seconds kRowsIdleTimeout{30};
inline constexpr std::chrono::seconds kRowsLockTimeout{40};
inline constexpr std::chrono::seconds kRowsStatementTimeout{300};
static_assert(kRowsLockTimeout > kRowsIdleTimeout,
              "who waits for a scope outlasts a writer that stopped");
static_assert(kRowsStatementTimeout > kRowsLockTimeout);

}  // namespace weir::worker
