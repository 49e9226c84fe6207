// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "graph/topic.h"

namespace weir::dagmanager {

/// Port: how far behind the readers of topics are (contract section 3.14). One caller at a time.
class LagSource {
 public:
  virtual ~LagSource() = default;

  /// How long ago the oldest message was written that some reader has not said it has read, a span
  /// a topic, in order: none where all have read everything, nothing where nobody reads or the
  /// topic is not there. UNAVAILABLE `broker_unavailable`.
  virtual Result<std::vector<std::optional<Duration>>> lags(
      std::span<const graph::TopicName> topics, Instant now) = 0;
};

}  // namespace weir::dagmanager
