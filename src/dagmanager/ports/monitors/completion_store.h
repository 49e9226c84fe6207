// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "dagmanager/core/monitors/completion_change.h"
#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// Silence that is noted, in the place of what was noted of the same queues, and notes that go.
struct SilenceNotes {
  std::vector<QueueSilence> put;
  std::vector<RowId> forgotten;
};

/// Port: which queues are completed, and how long others have been silent (contract section 3.14).
/// Of one graph store, whose faults it has; any thread. Every method is one transaction of the
/// loop: ABORTED `loop_lost`.
class CompletionStore {
 public:
  virtual ~CompletionStore() = default;

  /// All that is noted, by row; of a completed queue what it held when that was last noted.
  virtual Result<std::vector<QueueSilence>> silences(const LoopFence& fence) = 0;

  /// Queues complete, with a note, or do no longer, without; the sets that change by that are told.
  /// What is so already, is not active, or is in a diff's hands at this moment, is left alone.
  /// Gives the rows that it changed, rising. ABORTED `graph_moved`: nothing was written.
  virtual Result<std::vector<RowId>> change(const LoopFence& fence,
                                            const CompletionChange& change) = 0;

  virtual Result<void> note(const LoopFence& fence, const SilenceNotes& notes) = 0;
};

}  // namespace weir::dagmanager
