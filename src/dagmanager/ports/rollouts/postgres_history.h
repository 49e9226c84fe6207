// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "dagmanager/core/redo.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dagmanager {

/// Where a sentinel's history stands in an exchange.
struct HistoryPlaces {
  std::vector<std::size_t> deploys;
  std::vector<std::size_t> baselines;
  std::vector<std::size_t> baseline_sentinels;
  std::size_t versions = 0;
};

/// Asks what a sentinel has been, in every world, and what its deploys took over from.
HistoryPlaces add_history(postgres::Pipeline& pipeline, const graph::SentinelId& sentinel);
SentinelHistory take_history(const std::vector<postgres::Rows>& results,
                             const HistoryPlaces& places, const graph::SentinelId& sentinel);

/// The versions of a sentinel in all worlds; newest last once they are taken.
std::size_t add_versions(postgres::Pipeline& pipeline, const graph::SentinelId& sentinel);
std::vector<SentinelRecord> take_versions(const postgres::Rows& rows);

/// How many of the queues are there.
std::size_t add_queue_count(postgres::Pipeline& pipeline, const std::vector<RowId>& queues);

}  // namespace weir::dagmanager
