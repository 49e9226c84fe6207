// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "dagmanager/ports/rollouts/rollout_store.h"
#include "drivers/postgres/pipeline.h"

/// Rows of the table of rollouts. Written by who holds the lock of the epoch.
namespace weir::dagmanager {

std::size_t add_unfinished(postgres::Pipeline& pipeline);
std::size_t add_rollout(postgres::Pipeline& pipeline, const base::Uuid& id);
std::size_t add_rollout_list(postgres::Pipeline& pipeline, const RolloutFilter& filter);
std::vector<RolloutRecord> take_rollouts(const postgres::Rows& rows);

/// The two sides of a rollout, as far as they are stored.
std::size_t add_sides(postgres::Pipeline& pipeline, const base::Uuid& id);

/// A new rollout.
void insert_rollout(postgres::Pipeline& pipeline, const RolloutRecord& record);
/// What of a rollout can change.
void store_rollout(postgres::Pipeline& pipeline, const RolloutRecord& record);

/// Notes from which deploy another one takes over.
void set_baseline(postgres::Pipeline& pipeline, const std::string& deploy,
                  const std::string& baseline);

/// Marks a deploy as taken back.
void mark_taken_back(postgres::Pipeline& pipeline, const std::string& deploy, Instant at);

/// The number of deploys whose due sentinel is missing.
std::size_t add_gap_count(postgres::Pipeline& pipeline);

}  // namespace weir::dagmanager
