// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// Bounds of the ports' adapters.
namespace weir::dagmanager {

/// Epochs a memory store remembers the nodes of; an older base is decided anew.
inline constexpr std::size_t kTouchedEpochsMax = 1024;

/// A foreign change of more rows than this makes an instance read the whole graph again.
inline constexpr std::size_t kDeltaRowsMax = 10'000;

/// Queues named by the events of one page of a memory store, each some hundred bytes; the first
/// event is in it however large.
inline constexpr std::size_t kEventPageQueues = std::size_t{64} << 10;

/// Brokers that a topic registry stands for: enough for every default replication.
inline constexpr int kRegistryBrokers = 3;

}  // namespace weir::dagmanager
