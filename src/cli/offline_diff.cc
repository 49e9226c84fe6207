// SPDX-License-Identifier: Apache-2.0
#include "cli/offline_diff.h"

#include "dagmanager/core/diff_answer.h"
#include "dagmanager/core/diff_planner.h"
#include "dagmanager/core/graph_index.h"
#include "graph/dag.h"

namespace weir::cli {

Result<DiffOutcome> offline_diff(const DiffQuery& query) {
  const dagmanager::PlannerPolicy policy;
  const dagmanager::GraphIndex empty;
  WEIR_TRY(const graph::Dag dag, graph::read_dag(query.dag_json));
  WEIR_TRY(const dagmanager::DiffScope scope, dagmanager::make_scope(dag, query.fields, policy));
  WEIR_TRY(const dagmanager::DiffPlan plan,
           dagmanager::plan_diff(dag, scope, empty, policy, {.plan_only = true}));
  const dagmanager::DiffAnswer answer = dagmanager::make_answer(
      dag, scope, plan, /*compute_key_in_key=*/true, /*with_decisions=*/true);
  DiffOutcome outcome;
  for (const dagmanager::AnswerEntry& entry : answer.entries) {
    outcome.queue_map[entry.key] = entry.topic.text();
  }
  for (const dagmanager::NodeDecision& row : answer.decisions) {
    outcome.plan.push_back({.node_id = row.node_id,
                            .decision = std::string(row.decision),
                            .topic = row.topic.text(),
                            .compute_key = row.compute_key.text(),
                            .reason = row.reason});
  }
  outcome.sentinel_id = answer.sentinel.text();
  outcome.version = answer.version.text();
  outcome.warnings = answer.warnings;
  outcome.crc32 = answer.crc32;
  return outcome;
}

}  // namespace weir::cli
