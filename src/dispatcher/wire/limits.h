// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"

/// Bounds of the internal and the task listener (contract section 3.3 and appendix B).
namespace weir::dispatcher {

inline constexpr std::size_t kItemsMax = 256;    ///< of a batch request
inline constexpr std::size_t kEventsMax = 1000;  ///< of one call
inline constexpr std::size_t kWorkerIdBytes = 256;
inline constexpr std::size_t kOperatorNameBytes = 192;  ///< name@version
inline constexpr std::size_t kPartitionKeyBytes = 256;
inline constexpr std::size_t kCursorBytes = 256;
inline constexpr std::size_t kPayloadBytes = 16 << 10;
inline constexpr std::size_t kResultBytes = 16 << 10;
inline constexpr std::size_t kStateBytes = 256 << 10;
inline constexpr std::size_t kStateKeyBytes = 256;
inline constexpr std::size_t kErrorMessageBytes = 4 << 10;
inline constexpr std::size_t kProgressBytes = 1 << 10;
inline constexpr std::size_t kUriBytes = 4 << 10;
inline constexpr std::size_t kReceiptBytes = 64;
inline constexpr std::size_t kWaitQueuesMax = 16;
inline constexpr std::chrono::seconds kWaitMax{20};

/// Of one attempt on the task listener (3.4), and how many attempts are counted at once.
inline constexpr double kTaskRequestsPerSecond = 50;
inline constexpr std::size_t kTaskBucketsMax = 10'000;

inline constexpr std::size_t kBatchBodyBytes = std::size_t{8} << 20;
inline constexpr std::size_t kEventsBodyBytes = std::size_t{32} << 20;

}  // namespace weir::dispatcher
