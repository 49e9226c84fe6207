// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/traffic_weights.h"
#include "drivers/postgres/pipeline.h"

/// Weights of sentinels, what halts them, and who changed what by hand. All of it is read and
/// written by whoever holds the lock of the epoch (postgres_graph_sql.h).
namespace weir::dagmanager {

/// The weight of one version, if it is known and has one: no row, or NULL, otherwise.
std::size_t add_weight(postgres::Pipeline& pipeline, const SentinelRecord& sentinel);
std::optional<double> read_weight(const postgres::Rows& rows);

/// Stores the version's traffic_weight, which it must have.
void set_weight(postgres::Pipeline& pipeline, const SentinelRecord& sentinel);

/// One event that the version has its traffic_weight now. `id`: a new UUID.
struct WeightEvent {
  const SentinelRecord* sentinel = nullptr;
  std::int64_t event_seq = 0;
  std::string id;
  Instant at{};
};
void tell_weight(postgres::Pipeline& pipeline, const WeightEvent& event);

void add_audit(postgres::Pipeline& pipeline, const AuditRow& row);

/// Rows above `after`, oldest first, at most `limit`, with their numbers.
Result<std::vector<std::pair<RowId, AuditRow>>> read_audit(postgres::Connection& connection,
                                                           RowId after, std::size_t limit);

/// Stores the version's weights as they are in the record: the share, the last above 0, the
/// highest. Where set_weight derives the last two, a rollout states them.
void set_weights(postgres::Pipeline& pipeline, const SentinelRecord& sentinel);

/// The fence of a sentinel as it is now; its row is read by read_weight_fence.
std::size_t add_weight_fence(postgres::Pipeline& pipeline, const graph::SentinelId& sentinel);
WeightFence read_weight_fence(const postgres::Rows& rows);

}  // namespace weir::dagmanager
