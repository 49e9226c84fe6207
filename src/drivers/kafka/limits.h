// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

// Every wait and size of this driver has its bound here.
namespace weir::kafka {

/// A call, from its start to its answer, whatever requests it takes.
inline constexpr std::chrono::milliseconds kCallTimeout{30'000};

/// Topics of one CreateTopics or DeleteTopics request. A controller that makes a thousand at once
/// may miss the heartbeats of its brokers meanwhile.
inline constexpr std::size_t kTopicsARequest = 200;

/// Topics of one DescribeConfigs request.
inline constexpr std::size_t kConfigsARequest = 1'000;

/// Rights of one CreateAcls request, and topics of one DeleteAcls request. A controller refuses
/// what comes to more than ten thousand records.
inline constexpr std::size_t kAclsARequest = 1'000;
inline constexpr std::size_t kAclFiltersARequest = 500;

/// Partitions whose ends are asked for, and that are read side by side, at once.
inline constexpr std::size_t kPartitionsARequest = 2'000;
inline constexpr std::size_t kPartitionsReadAtOnce = 200;

/// How often a partition is asked for again that had no leader, and after how long.
inline constexpr int kLeaderTries = 50;
inline constexpr std::chrono::milliseconds kLeaderWait{100};

/// Messages that a producer has under way: queued, or sent and not acknowledged yet.
inline constexpr std::size_t kInFlightMax = 1'000;
/// A message waits for others of its partition as long, to share a request.
inline constexpr const char* kLingerMilliseconds = "1";

/// What a consumer has fetched ahead, in KiB.
inline constexpr const char* kFetchedAheadKib = "16384";
/// One wait for a message within a call.
inline constexpr std::chrono::milliseconds kPollWait{200};

/// The longest word of a broker that is passed on in an error.
inline constexpr std::size_t kReasonBytesMax = 512;

}  // namespace weir::kafka
