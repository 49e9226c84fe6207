// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dagmanager/core/diff_planner.h"

namespace weir::cli {

/// A diff to ask for: fields 1 to 7 of a DiffRequest, and whether it only plans.
struct DiffQuery {
  std::string dag_json;
  dagmanager::DiffFields fields;
  bool plan_only = true;
};

/// What was decided for one node of the graph (the wire's NodeDecision).
struct PlanRow {
  std::string node_id;
  std::string decision;  ///< `new`, `bind`, `reuse`, `buffer`, `refused`
  std::string topic;
  std::string compute_key;
  std::string reason;
};

/// A whole answer to a diff, put together from its chunks.
struct DiffOutcome {
  std::map<std::string, std::string> queue_map;  ///< partition key to topic
  std::string sentinel_id;
  std::string version;
  std::vector<PlanRow> plan;          ///< in submission order; only of a plan
  std::vector<std::string> buffered;  ///< ids of the nodes with a buffer instruction
  std::vector<std::string> warnings;
  std::uint32_t crc32 = 0;
};

}  // namespace weir::cli
