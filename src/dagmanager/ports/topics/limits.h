// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

/// Bounds of the adapters.
namespace weir::dagmanager {

/// Names that one statement looks up.
inline constexpr std::size_t kKnownNamesPage = 1'000;

/// A call to a Kafka cluster; after it nobody knows what it did, and it is looked at.
inline constexpr std::chrono::milliseconds kBrokerCallTimeout{5'000};

}  // namespace weir::dagmanager
