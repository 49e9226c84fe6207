// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dagmanager.pb.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/graph_change.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/rollouts/redo_store.h"
#include "graph/dag.h"

namespace weir::dagmanager {

namespace wire = qmtl::services::dagmanager;

/// A diff that goes out under a sentinel that is there: its graph names that sentinel and the
/// version, its context is the one that the sentinel's deploy has.
struct HotfixDiff {
  std::shared_ptr<const graph::Dag> dag;
  graph::StrategyId strategy;
  graph::RawContext context;
  std::optional<Handover> handover;
  std::string actor;
  std::string dag_json;  ///< as it came
};

/// RedoDiff (contract section 3.16): a hotfix, a rollback, or the stored answer again. Any thread;
/// every call waits for the store. Killed at any point, the same call again does what is left: a
/// hotfix whose graph is out already is that version, a deploy that is taken back stays so.
class RedoService {
 public:
  /// All outlive the service.
  struct Parts {
    RedoStore& redo;
    GraphStore& graph;
    const Clock& clock;
    /// Carries a diff out.
    std::function<Result<wire::DiffResult>(const HotfixDiff&)> run;
    bool compute_key_in_queue_map = true;
  };

  explicit RedoService(Parts parts) : parts_(std::move(parts)) {}

  /// INVALID_ARGUMENT `missing_field`, `world_required`, faults of a graph; NOT_FOUND
  /// `unknown_sentinel`; FAILED_PRECONDITION `no_predecessor`, `queues_collected`,
  /// `cross_context_hit_open`; UNAVAILABLE `graph_contended` and those of a diff.
  Result<wire::DiffResult> redo(const wire::RedoDiffRequest& request, const std::string& actor);

 private:
  Result<wire::DiffResult> hotfix(const wire::RedoDiffRequest& request,
                                  const SentinelHistory& history, const std::string& actor);
  Result<wire::DiffResult> roll_back(const SentinelHistory& history, const std::string& actor);
  Result<DeployRecord> whole(const DeployHead& head);
  Result<StoredAnswer> stored_answer(const DeployRecord& deploy);
  static wire::DiffResult result_of(const DeployRecord& deploy, const StoredAnswer& answer);

  Parts parts_;
};

}  // namespace weir::dagmanager
