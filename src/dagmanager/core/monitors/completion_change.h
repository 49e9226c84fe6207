// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "dagmanager/core/control_events.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/monitors/completion.h"

/// What a store writes of queues that complete (contract section 3.14).
namespace weir::dagmanager {

/// Queues that complete, and some that did and grow again.
struct CompletionChange {
  std::vector<QueueSilence> completed;
  std::vector<RowId> resumed;
  Instant at{};
};

/// What of a change is one, on the graph as it is; rows rise.
struct CompletionOutcome {
  std::vector<QueueSilence> completed;
  std::vector<RowId> resumed;
  std::vector<RowId> nodes;          ///< of all of them
  std::vector<QueueUpdate> updates;  ///< answers that change, as they are after it

  bool empty() const { return completed.empty() && resumed.empty(); }
  /// Rows of both.
  std::vector<RowId> queues() const;
};

std::vector<RowId> rows_of(const std::vector<QueueSilence>& silences);

/// Queues that are not active, or are so already, are left as they are, and nobody is told of them.
CompletionOutcome plan_completion(const GraphIndex& index, const CompletionChange& change);

}  // namespace weir::dagmanager
