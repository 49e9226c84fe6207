// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/monitors/completion_store.h"

namespace weir::dagmanager {

/// CompletionStore of a memory store and its rows of loops, which both outlive it.
class MemoryCompletionStore final : public CompletionStore {
 public:
  MemoryCompletionStore(MemoryGraphStore& store, MemoryLoopLeases& loops, Random& random)
      : store_(store), loops_(loops), random_(random) {}

  Result<std::vector<QueueSilence>> silences(const LoopFence& fence) override;
  Result<std::vector<RowId>> change(const LoopFence& fence,
                                    const CompletionChange& change) override;
  Result<void> note(const LoopFence& fence, const SilenceNotes& notes) override;

 private:
  MemoryGraphStore& store_;
  MemoryLoopLeases& loops_;
  Random& random_;
};

}  // namespace weir::dagmanager
