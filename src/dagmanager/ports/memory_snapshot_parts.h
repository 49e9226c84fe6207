// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/snapshot_archive.h"

/// The parts of a memory store's file that came later than its format: each under its name, and
/// only where there is something, so that an older build reads a graph without it. A build that
/// does not know a part refuses it.
namespace weir::dagmanager {

/// All parts, behind the audit rows; nothing where there is none.
void write_parts(SnapshotWriter& writer, MemoryGraph& graph);
/// False if a part is not known, or not what it should be.
bool read_parts(SnapshotReader& reader, MemoryGraph& graph);

template <class A>
void field(A& a, graph::ComputeContext& c) {
  fields(a, c.world_id, c.execution_domain, c.as_of, c.partition, c.dataset_fingerprint,
         c.safe_mode, c.downgrade);
}

}  // namespace weir::dagmanager
