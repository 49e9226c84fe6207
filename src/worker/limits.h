// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

/// Every wait, queue, retry and size of the worker (contract sections 0, 3.3, 3.4 and appendix B).
namespace weir::worker {

inline constexpr int kSlotsMax = 256;
/// The path of a socket below the scratch folder must fit into 107 bytes.
inline constexpr std::size_t kScratchPathBytesMax = 70;

/// Items of one batch request, and acknowledgements that ride along with a poll.
inline constexpr std::size_t kItemsMax = 256;
inline constexpr std::size_t kAcksMax = 256;
/// Acknowledgements are sent after this time even while tasks are claimed without polls: sooner
/// than the 30 s after which the messages come back.
inline constexpr Duration kAckAfter = std::chrono::seconds(10);

/// How long a poll waits at the dispatcher, and how long an answer may take on top of any wait.
inline constexpr std::chrono::seconds kPollWait{20};
inline constexpr Duration kAnswerTimeout = std::chrono::seconds(15);
/// Requests to the dispatcher at once: the loops, and calls that operators make through the worker.
inline constexpr std::size_t kDispatcherConnectionsMax = 32;
/// An answer with 256 payloads.
inline constexpr std::size_t kAnswerBytesMax = std::size_t{256} << 20;

/// First and longest pause between two tries of a request that was not answered; each is jittered
/// by U[0.5, 1.5).
inline constexpr Duration kRetryFirst = std::chrono::milliseconds(100);
inline constexpr Duration kRetryMax = std::chrono::seconds(5);
static_assert(kRetryMax < std::chrono::seconds(20), "a retried heartbeat comes before the lease");

/// One poll in so many begins with a lower queue (section 6.4).
inline constexpr std::uint64_t kLowerFirstIn = 8;

/// While more is ready than there are slots, as many attempts are claimed ahead of their slots as
/// the slots are expected to begin within this time, counted by how long attempts lately took. One
/// that waited longer than the second is released: others may have a free slot.
inline constexpr Duration kAheadSpan = std::chrono::milliseconds(400);
inline constexpr std::size_t kAheadMax = 2 * kItemsMax;  ///< however short the attempts are
inline constexpr std::size_t kAheadClaim = kItemsMax;    ///< in one claim: each reads what offers
inline constexpr Duration kAheadWaitMax = std::chrono::seconds(2);

/// A lease is this many heartbeat intervals (appendix B): two misses are allowed.
inline constexpr int kBeatsPerLease = 3;
/// Heartbeats that are due within this part of their interval ride along with one that is.
inline constexpr int kBeatSlack = 4;

/// While attempts wait for a slot, outcomes are reported so many together, or after this time: what
/// they make ready would wait behind those anyway.
inline constexpr std::size_t kReportsTogether = 128;
inline constexpr Duration kReportSpan = std::chrono::milliseconds(40);
/// Completions that wait for the dispatcher; above it nothing more is claimed.
inline constexpr std::size_t kCompletionsMax = 1024;
/// How long a claim whose reply may be lost is still tried when the worker ends.
inline constexpr Duration kLastClaim = std::chrono::seconds(3);
/// A poll that was answered empty sooner than this is followed by a pause.
inline constexpr Duration kPollLeast = std::chrono::milliseconds(200);
/// How long outcomes may still take to report when everything else has ended.
inline constexpr Duration kLastReports = std::chrono::seconds(10);
/// A child that has completed its own task may go on for this long.
inline constexpr Duration kAfterOwnCompletion = std::chrono::seconds(30);

/// `result` and `error.message` of a completion, `progress.message` of a heartbeat.
inline constexpr std::size_t kResultBytesMax = std::size_t{16} << 10;
inline constexpr std::size_t kErrorBytesMax = std::size_t{4} << 10;
inline constexpr std::size_t kProgressBytesMax = std::size_t{1} << 10;

/// The child's door: requests a second, and bodies by route.
inline constexpr double kRequestsPerSecond = 50;
inline constexpr std::size_t kEventsBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kObjectBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kSmallBodyBytesMax = std::size_t{64} << 10;
/// Blocks in which a file of rows is sent.
inline constexpr std::size_t kFileBlockBytes = std::size_t{256} << 10;
inline constexpr std::uint64_t kRowsBytesMax = std::uint64_t{4} << 30;
inline constexpr std::size_t kObjectNameBytesMax = 512;
/// Connections and handler threads of one door: an operator is one program.
inline constexpr std::size_t kDoorConnectionsMax = 16;
inline constexpr std::size_t kDoorThreads = 2;

/// Sessions of schema `data`, and the wait for one.
inline constexpr std::size_t kDataConnectionsMax = 8;
inline constexpr Duration kDataWait = std::chrono::seconds(30);

/// Extension operators of a registry file, and bytes of that file.
inline constexpr std::size_t kOperatorFileBytesMax = std::size_t{4} << 20;

}  // namespace weir::worker
