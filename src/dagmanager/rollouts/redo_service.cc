// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/rollouts/redo_service.h"

#include <utility>

#include "base/crash_point.h"
#include "dagmanager/core/limits.h"
#include "dagmanager/rollouts/wanted_world.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

graph::RawContext raw_context(const graph::ComputeContext& context) {
  return {.world_id = context.world_id,
          .execution_domain = context.execution_domain,
          .as_of = context.as_of,
          .partition = context.partition,
          .dataset_fingerprint = context.dataset_fingerprint};
}

/// The graph as it goes out: under this version, with a sentinel, in no context of its own.
graph::Dag hotfix_graph(graph::Dag dag, const graph::VersionLabel& version) {
  dag.version = version;
  dag.context = {};
  if (!dag.sentinel) dag.sentinel.emplace();
  dag.sentinel->weight.reset();
  return dag;
}

}  // namespace

Result<wire::DiffResult> RedoService::redo(const wire::RedoDiffRequest& request,
                                           const std::string& actor) {
  if (request.sentinel_id().empty()) {
    return base::invalid_argument("missing_field", "sentinel_id: which sentinel?");
  }
  if (request.rollback() && !request.dag_json().empty()) {
    return base::invalid_argument("missing_field",
                                  "dag_json: a rollback returns to a stored graph; leave it empty");
  }
  Result<wire::DiffResult> result = base::internal("not tried");
  for (int attempt = 0; attempt < kDecideAttemptsMax; ++attempt) {
    WEIR_TRY(SentinelHistory all, parts_.redo.history(with_suffix(request.sentinel_id())));
    WEIR_TRY(const SentinelHistory history, in_world(std::move(all), wanted_world(request)));
    if (!request.dag_json().empty()) return hotfix(request, history, actor);
    if (!request.rollback()) {
      WEIR_TRY(const DeployRecord deploy, whole(current_deploy(history)));
      WEIR_TRY(const StoredAnswer answer, stored_answer(deploy));
      return result_of(deploy, answer);
    }
    result = roll_back(history, actor);
    const bool again = !result.ok() && (result.error().reason() == "graph_moved" ||
                                        result.error().reason() == "commit_unknown");
    if (!again) return result;
  }
  return base::unavailable("graph_contended", "the graph changed under the rollback " +
                                                  std::to_string(kDecideAttemptsMax) +
                                                  " times; repeat it");
}

Result<wire::DiffResult> RedoService::hotfix(const wire::RedoDiffRequest& request,
                                             const SentinelHistory& history,
                                             const std::string& actor) {
  WEIR_TRY(graph::Dag dag, graph::read_dag(request.dag_json()));
  const DeployHead& current = current_deploy(history);
  WEIR_TRY(const DeployRecord former, whole(current));
  const graph::VersionLabel stated = dag.version_given ? dag.version : graph::VersionLabel();
  HotfixPlan plan = plan_hotfix(history, graph::node_set_hash(dag), stated);
  if (plan.handover) plan.handover->actor = actor;
  WEIR_CRASH_POINT("redo.planned");
  WEIR_TRY(wire::DiffResult result, parts_.run({.dag = std::make_shared<const graph::Dag>(
                                                    hotfix_graph(std::move(dag), plan.version)),
                                                .strategy = current.strategy,
                                                .context = raw_context(former.key.context),
                                                .handover = plan.handover,
                                                .actor = actor,
                                                .dag_json = request.dag_json()}));
  WEIR_CRASH_POINT("redo.done");
  server::log().info("hotfix", {{"sentinel", history.id},
                                {"version", plan.version},
                                {"after", current.version},
                                {"actor", actor}});
  return result;
}

Result<wire::DiffResult> RedoService::roll_back(const SentinelHistory& history,
                                                const std::string& actor) {
  WEIR_TRY(const RollbackPlan plan, plan_rollback(history));
  WEIR_TRY(const DeployRecord predecessor, whole(plan.predecessor));
  WEIR_TRY(const StoredAnswer answer, stored_answer(predecessor));
  WEIR_CRASH_POINT("redo.planned");
  WEIR_TRY(const TakenBack done, parts_.redo.take_back({.sentinel = history.id,
                                                        .world = plan.taken.world,
                                                        .taken = plan.taken.key,
                                                        .predecessor = plan.predecessor.key,
                                                        .queues = answer.queues,
                                                        .actor = actor,
                                                        .at = parts_.clock.now()}));
  WEIR_CRASH_POINT("redo.done");
  if (done.changed) {
    server::log().info("rolled back", {{"sentinel", history.id},
                                       {"world", plan.taken.world},
                                       {"from", plan.taken.version},
                                       {"to", plan.predecessor.version},
                                       {"actor", actor}});
  }
  return result_of(predecessor, answer);
}

Result<DeployRecord> RedoService::whole(const DeployHead& head) {
  WEIR_TRY(auto deploy, parts_.redo.deploy(head.key));
  if (!deploy) return Error(Code::Aborted, "graph_moved", "a deploy of the sentinel is gone");
  return *std::move(deploy);
}

Result<StoredAnswer> RedoService::stored_answer(const DeployRecord& deploy) {
  WEIR_TRY(const GraphView view, parts_.graph.read(nullptr));
  return answer_of(deploy, view.index(), parts_.compute_key_in_queue_map);
}

wire::DiffResult RedoService::result_of(const DeployRecord& deploy, const StoredAnswer& answer) {
  wire::DiffResult result;
  for (const auto& [key, topic] : answer.map) (*result.mutable_queue_map())[key] = topic.text();
  result.set_sentinel_id(graph::sentinel_id(deploy.key.strategy).text());
  result.set_version(deploy.key.version.text());
  return result;
}

}  // namespace weir::dagmanager
