// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of deciding and streaming a diff (contract sections 3.1, 3.7, 3.8).
namespace weir::dagmanager {

/// Warnings of one answer, and the bytes of one.
inline constexpr std::size_t kWarningsMax = 100;
inline constexpr std::size_t kWarningBytesMax = 1024;

/// Names tried for one topic: 29 lengths of the hash, then "_v{n}".
inline constexpr unsigned kNameCandidatesMax = 64;

/// A chunk's entries and bytes; the public client's receive limit is 4 MiB.
inline constexpr std::size_t kChunkEntriesMax = 100;
inline constexpr std::size_t kChunkBytesMax = std::size_t{1} << 20;
static_assert(kWarningsMax * kWarningBytesMax < kChunkBytesMax / 2,
              "warnings travel in the first chunk and must leave room for entries");

/// Chunks a stream may have unacknowledged.
inline constexpr int kAckWindow = 10;
/// A group of streams without an ACK for this long is stalled; a probe waits as long.
inline constexpr Duration kAckStall = std::chrono::seconds(1);
/// How long an ended stream still takes its part of the ACKs.
inline constexpr Duration kAckEndedStream = std::chrono::seconds(30);

/// The five-step retry of section 3.7: attempts, first wait, longest wait.
inline constexpr int kProvisionAttemptsMax = 5;
inline constexpr Duration kProvisionWaitFirst = std::chrono::milliseconds(500);
inline constexpr Duration kProvisionWaitMax = std::chrono::seconds(4);
/// VERIFY of topics that the broker said it has made: another look after these waits, doubling,
/// while all of them together stay below the last. Metadata lag by about a second where a thousand
/// were made at once.
inline constexpr Duration kVerifyWaitFirst = std::chrono::milliseconds(25);
inline constexpr Duration kVerifyWaitMax = std::chrono::milliseconds(200);
inline constexpr Duration kVerifyWaitsMax = std::chrono::seconds(10);

/// How long a diff waits for names whose former topics are being removed before it takes the next
/// ones (sections 3.12, 3.19), and how often it asks meanwhile.
inline constexpr Duration kNameWaitMax = std::chrono::seconds(5);
inline constexpr Duration kNameWaitStep = std::chrono::milliseconds(250);

/// How often a diff is decided anew because the graph changed under it.
inline constexpr int kDecideAttemptsMax = 5;

/// How long a dry run, or a deploy in safe mode, holds its queues after it was last seen.
inline constexpr Duration kTrialDeployHeld = std::chrono::hours(7 * 24);
/// How long any deploy that was not ended does at least. A repeat within the hour is not written
/// down, so the row may be an hour behind, and its answer is still on its way.
inline constexpr Duration kSeenLatelyHeld = std::chrono::hours(2);

}  // namespace weir::dagmanager
