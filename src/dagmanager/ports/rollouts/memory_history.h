// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/core/redo.h"
#include "dagmanager/ports/memory_graph_store.h"

namespace weir::dagmanager {

/// What a sentinel has been, in every world, and what its deploys took over from.
SentinelHistory history_of(const MemoryGraph& graph, const graph::SentinelId& sentinel);

/// Whether all of these queues are there.
bool stands_on(const MemoryGraph& graph, const std::vector<RowId>& queues);

}  // namespace weir::dagmanager
