// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_change_rows.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "dagmanager/ports/postgres_graph_sql.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;

/// What of the new nodes goes into artifact and used_by.
struct ArtifactParams {
  Params artifacts;
  Params held;
  Params uses;
};

std::optional<ArtifactParams> artifact_params(std::span<const NodeOfRow> nodes) {
  struct Use {
    RowId node;
    std::int32_t place;
    const graph::Artifact* artifact;
  };
  std::vector<Use> uses;
  for (const NodeOfRow& node : nodes) {
    std::int32_t place = 0;
    for (const graph::Artifact& artifact : node.record->artifacts) {
      uses.push_back({node.row, place++, &artifact});
    }
  }
  if (uses.empty()) return std::nullopt;
  const auto checksum = [](const Use& use) { return std::string_view(use.artifact->checksum); };
  const auto path = [](const Use& use) { return std::string_view(use.artifact->path); };
  const auto framework = [](const Use& use) { return std::string_view(use.artifact->framework); };
  const auto dtype = [](const Use& use) { return std::string_view(use.artifact->dtype); };
  const auto size = [](const Use& use) { return use.artifact->size; };
  ArtifactParams params;
  params.artifacts.text_array(uses, checksum)
      .text_array(uses, path)
      .int64_array(uses, size)
      .text_array(uses, framework)
      .text_array(uses, dtype);
  params.held.text_array(uses, checksum);
  params.uses.int64_array(uses, &Use::node)
      .int32_array(uses, &Use::place)
      .text_array(uses, checksum)
      .text_array(uses, path)
      .text_array(uses, framework)
      .text_array(uses, dtype);
  return params;
}

Params promotion_params(const GraphChange& change) {
  using Promotion = QueuePromotion;
  std::vector<Promotion> queues = change.queues;
  std::ranges::sort(queues, {}, &Promotion::queue);
  const std::string context = context_key(*change.binding);
  Params params;
  params.int64_array(queues, &Promotion::queue)
      .int64_array(queues, &Promotion::node)
      .int32_array(queues, [](const Promotion& queue) { return queue.shape.partitions; })
      .int32_array(queues, [](const Promotion& queue) { return queue.shape.replication; })
      .int64_array(queues, [](const Promotion& queue) { return queue.shape.retention_ms; })
      .text_array(queues,
                  [](const Promotion& queue) { return std::string_view(queue.shape.cleanup); })
      .text_array(queues, &Promotion::schema_hash)
      .int64_array(queues, &Promotion::ttl_ms)
      .int64_array(queues, &Promotion::lag_alert_seconds)
      .bytes(std::as_bytes(std::span(context)))
      .instant(change.at);
  return params;
}

Params mark_params(const GraphChange& change) {
  std::vector<BufferMark> marks = change.marks;
  std::ranges::sort(marks, {}, &BufferMark::queue);
  Params params;
  params.int64_array(marks, &BufferMark::queue)
      .text_array(marks, &BufferMark::pending_schema_hash)
      .boolean_array(marks, [](const BufferMark& mark) { return mark.since.has_value(); })
      .int64_array(marks, [](const BufferMark& mark) {
        return mark.since ? mark.since->time_since_epoch().count() : 0;
      });
  return params;
}

Error moved(const std::string& what) { return {Code::Aborted, "graph_moved", what}; }

std::size_t affected(const std::optional<Rows>& rows) {
  return rows ? static_cast<std::size_t>(rows->affected()) : 0;
}

}  // namespace

/// Two changes of the same nodes must wait for each other, not for themselves: everyone goes by
/// node id.
std::optional<std::size_t> add_nodes(Pipeline& pipeline, std::vector<NodeOfRow> nodes) {
  std::ranges::sort(nodes, {}, [](const NodeOfRow& node) { return node.record->id.view(); });
  pipeline.add(sql::kInsertNodes, node_params(nodes));
  auto params = artifact_params(nodes);
  if (!params) return std::nullopt;
  pipeline.add(sql::kInsertArtifacts, std::move(params->artifacts));
  pipeline.add(sql::kInsertUses, std::move(params->uses));
  return pipeline.add(sql::kHoldArtifacts, std::move(params->held));
}

Result<void> judge_artifacts(const Rows& held, std::span<const NodeRecord> nodes) {
  absl::flat_hash_map<std::string_view, std::int64_t> sizes;
  for (std::size_t row = 0; row < held.size(); ++row) {
    sizes.emplace(held.text(row, 0), held.int64(row, 1));
  }
  bool gone = false;
  WEIR_CHECK(check_artifacts(nodes, [&](const std::string& checksum) {
    const auto size = sizes.find(checksum);
    gone = gone || size == sizes.end();
    return size == sizes.end() ? std::nullopt : std::optional(size->second);
  }));
  if (gone) return moved("an artifact was removed with the last node that used it");
  return {};
}

void add_queues(Pipeline& pipeline, const GraphChange& change, ChangePlaces& places) {
  if (!change.queues.empty()) {
    pipeline.add(sql::kInsertContext, context_params(*change.binding));
    places.promoted = pipeline.add(sql::kPromoteQueues, promotion_params(change));
  }
  if (!change.marks.empty()) {
    places.marked = pipeline.add(sql::kMarkQueues, mark_params(change));
  }
}

void add_deploy(Pipeline& pipeline, const GraphChange& change, ChangePlaces& places) {
  if (!change.deploy) return;
  const DeployRecord& deploy = *change.deploy;
  if (!change.deploy_known) {
    pipeline.add(sql::kStoreDeploy, deploy_params(deploy));
    return;
  }
  Params params;
  params.text(deploy.key.text()).instant(deploy.last_seen).boolean(deploy.sentinel_due);
  params.text(deploy.baseline);
  places.touched_deploy = pipeline.add(sql::kTouchDeploy, std::move(params));
}

std::vector<std::int64_t> raise_revisions(Pipeline& pipeline,
                                          const std::vector<std::string>& keys) {
  std::unordered_map<std::string_view, std::int64_t> counts;
  std::vector<std::int64_t> later(keys.size());
  for (std::size_t i = keys.size(); i-- > 0;) later[i] = counts[keys[i]]++;
  using Count = std::pair<const std::string_view, std::int64_t>;
  Params params;
  params.bytes_array(counts, [](const Count& count) { return as_bytes(count.first); })
      .int64_array(counts, &Count::second);
  pipeline.add(sql::kRaiseRevisions, std::move(params));
  return later;
}

void tell_queue_updates(Pipeline& pipeline, const std::vector<QueueUpdate>& updates,
                        const EventStamp& stamp) {
  if (updates.empty()) return;
  std::vector<std::string> ids;
  std::vector<std::string> keys;
  std::vector<std::string> tags;
  std::vector<std::string> queues;
  for (const QueueUpdate& update : updates) {
    ids.push_back(base::uuid_v4(*stamp.random));
    keys.push_back(key_hash(query_key(update.query)));
    tags.push_back(array_text(update.query.tags));
    queues.push_back(pack_ids(update.queues));
  }
  const std::vector<std::int64_t> later = raise_revisions(pipeline, keys);
  using Update = QueueUpdate;
  const auto world = [](const Update& one) { return std::string_view(one.query.scope.world_id); };
  const auto domain = [](const Update& one) {
    return std::string_view(one.query.scope.execution_domain);
  };
  Params params;
  params.int64(stamp.event_seq)
      .text_array(ids)
      .bytes_array(keys, as_bytes)
      .text_array(tags)
      .int64_array(updates, [](const Update& one) { return one.query.interval; })
      .boolean_array(updates, [](const Update& one) { return one.query.match_all; })
      .bytes_array(queues, as_bytes)
      .text_array(updates, world)
      .text_array(updates, domain)
      .instant(stamp.at)
      .int64_array(later);
  pipeline.add(sql::kInsertQueueEvents, std::move(params));
}

void add_loop_change(Pipeline& pipeline, LoopChange change, Random& random) {
  const Epoch raised = change.before + 1;
  const auto stamp = static_cast<std::int64_t>(random.next());
  Params row;
  row.int64(raised)
      .int64(stamp)
      .text(change.cause)
      .text(ranges_text(std::move(change.nodes)))
      .text(ranges_text(std::move(change.queues)))
      .instant(change.at);
  pipeline.add(sql::kInsertChange, std::move(row));
  Params epoch;
  epoch.int64(raised).int64(stamp).int64(change.event_seq);
  pipeline.add(sql::kRaiseEpoch, std::move(epoch));
}

ChangeRows take_rows(std::vector<Rows>& results, const ChangePlaces& places) {
  const auto take = [&](const std::optional<std::size_t>& place) {
    return place ? std::optional(std::move(results[*place])) : std::nullopt;
  };
  return {.artifacts = take(places.artifacts),
          .promoted = take(places.promoted),
          .marked = take(places.marked),
          .touched_deploy = take(places.touched_deploy)};
}

Result<void> judge_deploy(const ChangeRows& rows) {
  if (rows.touched_deploy && rows.touched_deploy->affected() != 1) {
    return moved("the deploy that was known is gone");
  }
  return {};
}

Result<void> judge_rows(const ChangeRows& rows, const GraphChange& change) {
  if (rows.artifacts) WEIR_CHECK(judge_artifacts(*rows.artifacts, change.nodes));
  if (affected(rows.promoted) != change.queues.size()) {
    return moved("a topic's intent was taken over by another diff");
  }
  if (affected(rows.marked) != change.marks.size()) return moved("a queue to be marked is gone");
  return {};
}

}  // namespace weir::dagmanager
