// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

/// Bounds of operators (contract sections 0, 3.3.4, 6.12, 6.13, 6.19 and appendix B).
namespace weir::operators {

/// Integers that JSON carries as numbers (section 0); larger cursors travel as decimal text.
inline constexpr std::int64_t kWholeMax = (std::int64_t{1} << 53) - 1;

/// A task's payload as a text, and how deep it nests: a trigger's payload and a config are in it.
inline constexpr std::size_t kPayloadBytesMax = std::size_t{8} << 20;
inline constexpr std::size_t kPayloadDepthMax = 32;
/// A cursor or a partition key that is a text.
inline constexpr std::size_t kScopeTextBytesMax = 256;

/// Events of one call, and bytes of an event's payload and of an operator's state.
inline constexpr std::size_t kEventsPerCallMax = 1000;
inline constexpr std::size_t kEventPayloadBytesMax = std::size_t{16} << 10;
inline constexpr std::size_t kStateBytesMax = std::size_t{256} << 10;

/// Chunks that a splitter makes of one partition, and windows that one event may close.
inline constexpr std::int64_t kChunksPerTaskMax = 100'000;
inline constexpr std::int64_t kWindowsPerTaskMax = 100'000;

/// Files and bytes that one ingest reads, and how many files its result names.
inline constexpr std::size_t kIngestFilesMax = 1024;
inline constexpr std::uint64_t kIngestBytesMax = std::uint64_t{4} << 30;
inline constexpr std::size_t kResultFilesMax = 64;
inline constexpr std::size_t kResultBytesMax = std::size_t{16} << 10;
/// Columns of a table, entries of a folder that a `*` looks through, bytes of one row of a file.
inline constexpr std::size_t kColumnsMax = 512;
inline constexpr std::size_t kFolderEntriesMax = 100'000;
inline constexpr std::size_t kRowBytesMax = std::size_t{16} << 20;
/// Rows of one parquet file.
inline constexpr std::int64_t kRowsPerFileMax = 100'000;

/// DuckDB inside an operator's process.
inline constexpr std::size_t kEngineMemoryBytes = std::size_t{512} << 20;
inline constexpr int kEngineThreads = 2;

/// An answer of the task API, its longest wait, and how often a call is tried whose answer was
/// lost or told to come back.
inline constexpr std::size_t kAnswerBytesMax = std::size_t{8} << 20;
inline constexpr Duration kTaskApiTimeout = std::chrono::seconds(60);
inline constexpr Duration kRowsTimeout = std::chrono::hours(1);
inline constexpr int kTaskApiTries = 5;
inline constexpr Duration kTaskApiPause = std::chrono::milliseconds(200);

/// Milliseconds between two events of a sequence_source: without a config, and at most (a day).
inline constexpr std::int64_t kSourceIntervalMillis = 1000;
inline constexpr std::int64_t kSourceIntervalMillisMax = 86'400'000;
/// From one call of a source to its next: half of the 50 calls a second that a task has.
inline constexpr Duration kSourceCallPause = std::chrono::milliseconds(40);
/// From one telling of progress to the next.
inline constexpr Duration kPulsePause = std::chrono::seconds(1);
/// How often a source looks whether it shall stop while it waits for its next event.
inline constexpr Duration kSourceNap = std::chrono::milliseconds(50);

}  // namespace weir::operators
