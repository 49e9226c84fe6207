// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dagmanager/core/control_events.h"
#include "dagmanager/core/graph_change.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "drivers/postgres/pipeline.h"

/// The rows of a change that are written before the epoch is locked, in the order in which every
/// change takes their locks: nodes, queues, deploy.
namespace weir::dagmanager {

/// The statements that insert nodes and what they say of artifacts, and the place of the one result
/// that is looked at (of judge_artifacts), if it was added.
std::optional<std::size_t> add_nodes(postgres::Pipeline& pipeline, std::vector<NodeOfRow> nodes);

/// What these nodes say of artifacts against kHoldArtifacts' rows: INVALID_ARGUMENT of
/// check_artifacts; ABORTED `graph_moved` if one of them is gone.
Result<void> judge_artifacts(const postgres::Rows& held, std::span<const NodeRecord> nodes);

/// Places, in an exchange, of the results that are looked at.
struct ChangePlaces {
  std::optional<std::size_t> artifacts;
  std::optional<std::size_t> promoted;
  std::optional<std::size_t> marked;
  std::optional<std::size_t> touched_deploy;
};

/// What the server said of them.
struct ChangeRows {
  std::optional<postgres::Rows> artifacts;
  std::optional<postgres::Rows> promoted;
  std::optional<postgres::Rows> marked;
  std::optional<postgres::Rows> touched_deploy;
};

/// The queues of a change that become active, and those it marks.
void add_queues(postgres::Pipeline& pipeline, const GraphChange& change, ChangePlaces& places);
void add_deploy(postgres::Pipeline& pipeline, const GraphChange& change, ChangePlaces& places);

/// What the events of a change share. The first gets event_seq + 1.
struct EventStamp {
  Random* random = nullptr;  // of their ids
  std::int64_t event_seq = 0;
  Instant at{};
};
/// Draws a revision for each key, as often as it is there. Gives for each how many were drawn of
/// the same key for those after it: its own revision is the newest less these.
std::vector<std::int64_t> raise_revisions(postgres::Pipeline& pipeline,
                                          const std::vector<std::string>& keys);

/// One event a query that has another answer now, each with the next revision of its query; for
/// whoever holds the lock of the epoch (postgres_graph_sql.h).
void tell_queue_updates(postgres::Pipeline& pipeline, const std::vector<QueueUpdate>& updates,
                        const EventStamp& stamp);

/// What a loop has changed of rows that stay: by it other instances read them anew.
struct LoopChange {
  std::string_view cause;
  std::vector<RowId> nodes;
  std::vector<RowId> queues;
  Epoch before = 0;
  std::int64_t event_seq = 0;  ///< of the last event that was told with it
  Instant at{};
};
/// The row of the change, and the next epoch; for whoever holds its lock.
void add_loop_change(postgres::Pipeline& pipeline, LoopChange change, Random& random);

/// Takes the results at the places, which are known to be there.
ChangeRows take_rows(std::vector<postgres::Rows>& results, const ChangePlaces& places);

/// ABORTED `graph_moved` where a row of the change was not as it has to be: every intent must still
/// have been one, every marked queue and the known deploy still be there. INVALID_ARGUMENT of
/// judge_artifacts.
Result<void> judge_deploy(const ChangeRows& rows);
Result<void> judge_rows(const ChangeRows& rows, const GraphChange& change);

}  // namespace weir::dagmanager
