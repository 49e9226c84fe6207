// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/topic_types.h"

namespace weir::dagmanager {

/// Port: administration of topics on a broker. One call, one round trip, any number of topics. May
/// be called from any thread.
///
/// Faults of a whole call: UNAVAILABLE `broker_unavailable` (nothing is known of what it did) or
/// DEADLINE_EXCEEDED (likewise).
class TopicAdmin {
 public:
  virtual ~TopicAdmin() = default;

  /// Makes topics in one request; an answer a topic, in order. Safe to repeat.
  virtual Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) = 0;

  /// Every topic whose name a broker would confuse with one of `topics` (equal ignoring case, with
  /// `.` as `_`), the very ones included. May lag behind a create.
  virtual Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) = 0;

  /// All topics, by name.
  virtual Result<std::vector<TopicSeen>> list() = 0;

  /// Messages held (high minus low watermark over all partitions), a number a topic, in order;
  /// nothing for a topic that is not there.
  virtual Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) = 0;

  /// Deletes topics in one request, with all they hold; an answer a topic, in order: whether it is
  /// surely not there any more. Safe to repeat; a topic that never was is not there.
  virtual Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) = 0;

  /// How many brokers there are: replication is capped to it outside profile prod.
  virtual Result<int> broker_count() = 0;

  /// Whether calls go out at all; the fault they would have otherwise. At once, without a call.
  virtual Result<void> admits() { return {}; }

  /// Whether the engine answers.
  virtual Result<void> ping() = 0;
};

}  // namespace weir::dagmanager
