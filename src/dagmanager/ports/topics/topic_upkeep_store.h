// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/topics/topic_upkeep.h"
#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// Port: what the reconciler asks of the store (contract section 3.19). Of one graph store, whose
/// faults it has; any thread. Whatever it changes is one transaction with its log row, under the
/// loop's fence: ABORTED `loop_lost` where another holds the loop by now.
///
/// Topics are removed and made again from within such a transaction, while the row that owns the
/// name is held still: a diff, a collector or the loop's next holder waits for its end.
class TopicUpkeepStore {
 public:
  virtual ~TopicUpkeepStore() = default;

  /// Intents that nobody has wanted since `before`, and those whose topic is being removed, by row;
  /// at most `limit`.
  virtual Result<std::vector<IntentRow>> intents(Instant before, std::size_t limit) = 0;

  /// From now on the intent holds its topic's name and is bound to nothing. False if it is no
  /// intent any more, or was wanted since `before`.
  virtual Result<bool> start_dropping(const LoopFence& fence, RowId intent, Instant before) = 0;

  /// Sees to an intent's topic; gives the log row if the name is free, nothing if it is not.
  using Remove = std::function<Result<std::optional<TopicLogRow>>(const IntentRow&)>;
  /// Calls `remove` while the row of an intent that is being dropped is held, and removes the row
  /// if the topic is gone. False if the row stays, or was not there.
  virtual Result<bool> end_dropping(const LoopFence& fence, RowId intent, const Remove& remove) = 0;

  /// What is done while a queue stays active; gives rows for the log.
  using Held = std::function<Result<std::vector<TopicLogRow>>()>;
  /// False, and nothing is done, if the queue is not active.
  virtual Result<bool> while_active(const LoopFence& fence, RowId queue, const Held& held) = 0;

  /// Whether a queue or intent, of whatever state, has this very name; an answer a name, in order.
  virtual Result<std::vector<bool>> known(std::span<const graph::TopicName> names) = 0;

  /// Deploys, oldest first, whose due sentinel is missing or does not have them; at most `limit`.
  /// Those that were ended miss none: theirs may be in the archive.
  virtual Result<std::vector<SentinelGap>> sentinel_gaps(std::size_t limit) = 0;
  /// Writes a gap's sentinel, without a weight; what is there stays as it is.
  virtual Result<void> mend_sentinel(const LoopFence& fence, const SentinelGap& gap,
                                     const TopicLogRow& row) = 0;

  /// The contexts that queues are or were bound in; more than one may differ in its namespace only.
  virtual Result<std::vector<std::shared_ptr<const BindingContext>>> contexts() = 0;

  /// Adds rows to the log.
  virtual Result<void> add_log(const LoopFence& fence, std::span<const TopicLogRow> rows) = 0;
};

}  // namespace weir::dagmanager
