// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Bounds of the engine.
namespace weir::duckdb {

/// Rows that pass the interface at once; the engine's own vectors are this long.
inline constexpr std::size_t kChunkRows = 2048;
/// Memory of an engine where its opener says nothing, and what it may spill to disk.
inline constexpr std::uint64_t kMemoryBytes = std::uint64_t{512} << 20;
inline constexpr std::uint64_t kSpillBytes = std::uint64_t{8} << 30;
inline constexpr int kThreads = 2;
/// Digits of a decimal column, and how many of them are behind the point.
inline constexpr int kDecimalWidth = 38;
inline constexpr int kDecimalScale = 18;

}  // namespace weir::duckdb
