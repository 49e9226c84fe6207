// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/compaction/compactor.h"

#include <algorithm>
#include <span>

#include "base/uuid.h"
#include "dagmanager/compaction/limits.h"
#include "dagmanager/compaction/retirement_watch.h"
#include "dagmanager/compaction/sentinel_archiver.h"

namespace weir::dagmanager {
namespace {

/// Keys of those of the deploys that refer to one of the nodes.
std::vector<std::string> referring_to(const std::vector<DeployBindings>& deploys,
                                      std::span<const RowId> nodes) {
  const NodeRows wanted(nodes.begin(), nodes.end());
  std::vector<std::string> keys;
  for (const DeployBindings& deploy : deploys) {
    const auto is_wanted = [&](RowId node) { return wanted.contains(node); };
    if (std::ranges::any_of(deploy.nodes, is_wanted)) keys.push_back(deploy.key);
  }
  std::ranges::sort(keys);
  return keys;
}

}  // namespace

Result<CompactionReport> Compactor::run(const CompactionFence& fence) {
  const std::string cause = "run:" + base::uuid_v4(parts_.random);
  RetirementWatch watch({parts_.life, parts_.compaction, parts_.clock}, rules_.deploys_kept);
  WEIR_CHECK(watch.run_once(fence.gc));
  CompactionReport report;
  WEIR_TRY(const std::vector<SentinelKey> sentinels, due());
  for (const SentinelKey& key : sentinels) WEIR_CHECK(archive_one(fence, key, cause, report));
  WEIR_CHECK(remove_nodes(fence, cause, report));
  return report;
}

Result<CompactionReport> Compactor::dry_run() {
  CompactionReport report;
  WEIR_TRY(const std::vector<SentinelKey> sentinels, due());
  SentinelKeys leaving;
  for (const SentinelKey& key : sentinels) {
    WEIR_TRY(const SentinelExport found, find(key));
    report.archived.push_back({key, export_name(found.sentinel) + ".json"});
    leaving.insert(key);
  }
  WEIR_TRY(const NodePlan plan, plan_nodes(leaving));
  WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
  for (const RowId row : plan.nodes) {
    if (const NodeView node = view.index().node(row)) report.nodes.push_back(node.id());
  }
  return report;
}

/// Those that may go now.
Result<std::vector<SentinelKey>> Compactor::due() {
  if (!rules_.wait) return std::vector<SentinelKey>();
  WEIR_TRY(const auto sentinels, parts_.compaction.sentinels());
  WEIR_TRY(const auto deploys, parts_.life.deploys());
  return due_sentinels(
      deploys, sentinels,
      {.deploys_kept = rules_.deploys_kept, .before = rules_.before, .wait = *rules_.wait},
      parts_.clock.now());
}

Result<SentinelExport> Compactor::find(const SentinelKey& key) {
  WEIR_TRY(const auto deploys, parts_.life.deploys());
  WEIR_TRY(auto found, parts_.compaction.read_sentinel(key, deploys_under(deploys, key)));
  if (found) return *std::move(found);
  return base::not_found("unknown_sentinel", "sentinel " + key.id.text() + " is gone by now");
}

/// Phase 1 for one of them. Where it cannot be archived it stays, and the next one is tried.
Result<void> Compactor::archive_one(const CompactionFence& fence, const SentinelKey& key,
                                    const std::string& cause, CompactionReport& report) {
  if (parts_.archive == nullptr) {
    report.failed.push_back(
        {key, base::failed_precondition("archive_failed", "no gc_archive_bucket is configured")});
    return {};
  }
  WEIR_TRY(SentinelExport found, find(key));
  std::string text;
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    text = export_text(found, view.index());
  }
  const auto archived = SentinelArchiver(*parts_.archive).archive(found.sentinel, text);
  if (!archived.ok()) {
    report.failed.push_back({key, archived.error()});
    return {};
  }
  WEIR_TRY(const bool gone,
           parts_.compaction.remove_sentinel(fence, {.exported = std::move(found),
                                                     .deploys_kept = rules_.deploys_kept,
                                                     .object = archived->object,
                                                     .checksum = archived->checksum,
                                                     .actor = actor_,
                                                     .cause = cause,
                                                     .at = parts_.clock.now()}));
  if (gone) {
    report.archived.push_back({key, archived->object});
  } else {
    report.changed.push_back(key);
  }
  return {};
}

/// The deploys are read before the graph: what came between is looked at by the transaction.
Result<Compactor::NodePlan> Compactor::plan_nodes(const SentinelKeys& leaving) {
  WEIR_TRY(const auto deploys, parts_.life.deploys());
  const std::vector<bool> keeping =
      keeping_deploys(deploys, leaving, rules_.deploys_kept, parts_.clock.now());
  NodePlan plan;
  NodeRows kept;
  std::vector<std::string> keys;
  absl::flat_hash_set<std::string> keepers;
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    plan.seen.add(deploys[i], keeping[i]);
    if (keeping[i]) keepers.insert(deploys[i].key);
    if (keeping[i] || !deploys[i].ended) keys.push_back(deploys[i].key);
  }
  for (std::size_t at = 0; at < keys.size(); at += kCompactedDeploys) {
    const std::size_t count = std::min(kCompactedDeploys, keys.size() - at);
    WEIR_TRY(auto bindings, parts_.life.bindings(std::span(keys).subspan(at, count)));
    for (DeployBindings& deploy : bindings) {
      if (keepers.contains(deploy.key)) {
        kept.insert(deploy.nodes.begin(), deploy.nodes.end());
      } else {
        plan.referring.push_back(std::move(deploy));
      }
    }
  }
  WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
  plan.nodes = removable_nodes(view.index(), kept);
  return plan;
}

/// Phase 2.
Result<void> Compactor::remove_nodes(const CompactionFence& fence, const std::string& cause,
                                     CompactionReport& report) {
  WEIR_TRY(const NodePlan plan, plan_nodes({}));
  const std::span<const RowId> all(plan.nodes);
  for (std::size_t at = 0; at < all.size(); at += kNodesRemovedTogether) {
    const auto batch = all.subspan(at, std::min(kNodesRemovedTogether, all.size() - at));
    WEIR_TRY(
        const RemovedNodes removed,
        parts_.compaction.remove_nodes(fence, {.nodes = {batch.begin(), batch.end()},
                                               .referring = referring_to(plan.referring, batch),
                                               .seen = &plan.seen,
                                               .deploys_kept = rules_.deploys_kept,
                                               .actor = actor_,
                                               .cause = cause,
                                               .at = parts_.clock.now()}));
    report.nodes.insert(report.nodes.end(), removed.nodes.begin(), removed.nodes.end());
    report.artifacts += removed.artifacts;
  }
  return {};
}

}  // namespace weir::dagmanager
