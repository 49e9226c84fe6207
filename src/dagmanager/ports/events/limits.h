// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

// Every wait and size of the control events' way to their consumers.
namespace weir::dagmanager {

/// An event's whole time on the wire. A holder of a loop trusts its row two seconds less than the
/// row lasts: what it sent before it gave up is through, or never will be, before the next holder
/// sends.
inline constexpr std::chrono::milliseconds kSendTimeout{2'000};
/// A question to the cluster of the control bus.
inline constexpr std::chrono::milliseconds kBusCallTimeout{5'000};

/// The shape of control topics: order is by key, so a few partitions do; a day is what the contract
/// keeps at most, and of older revisions of a key the newest is enough.
inline constexpr int kControlTopicPartitions = 3;
inline constexpr int kControlTopicReplication = 3;  // or as many brokers as there are
inline constexpr const char* kControlTopicRetentionMs = "86400000";
inline constexpr const char* kControlTopicCleanup = "compact,delete";

}  // namespace weir::dagmanager
