// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "dispatcher/ports/memory/memory_task_plane.h"
#include "dispatcher/ports/outbox.h"

namespace weir::dispatcher {

/// The outbox over memory, in one database with its queue; never fails. Any thread.
class MemoryOutbox final : public Outbox {
 public:
  /// `plane` outlives the outbox.
  explicit MemoryOutbox(MemoryTaskPlane& plane) : plane_(plane) {}

  Result<std::vector<OutboxRecord>> take(std::size_t limit) override;
  Result<void> settle(std::span<const OutboxSettled> rows) override;
  Result<HandedOver> hand_out(std::size_t limit, std::span<const QueueRoom> rooms,
                              std::span<const OutboxId> held) override;
  Result<std::size_t> publish_control_events(std::size_t limit) override;

 private:
  MemoryTaskPlane& plane_;
};

}  // namespace weir::dispatcher
