// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "dispatcher/ports/memory/memory_task_plane.h"
#include "dispatcher/ports/wakeup_queue.h"

namespace weir::dispatcher {

/// The queue of wake-ups over memory; never fails. Any thread.
class MemoryWakeupQueue final : public WakeupQueue {
 public:
  /// `plane` outlives the queue.
  explicit MemoryWakeupQueue(MemoryTaskPlane& plane) : plane_(plane) {}

  Result<void> publish(std::span<const WakeupMessage> messages) override;
  Result<std::vector<ReceivedWakeup>> receive(std::span<const QueueName> queues,
                                              std::size_t max) override;
  Result<void> release(std::span<const WakeupReceipt> receipts) override;
  Result<std::size_t> acknowledge(std::span<const WakeupReceipt> receipts) override;

 private:
  using Visible = std::set<std::pair<Instant, std::int64_t>>;
  Visible visible(const QueueName& queue, Instant now) const WEIR_REQUIRES(plane_.mutex_);
  void drop_answered(const QueueName& queue, Instant now) WEIR_REQUIRES(plane_.mutex_);
  static std::optional<std::int64_t> number_of(const WakeupReceipt& receipt);

  MemoryTaskPlane& plane_;
};

}  // namespace weir::dispatcher
