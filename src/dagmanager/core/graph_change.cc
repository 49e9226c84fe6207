// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/graph_change.h"

#include <cstddef>
#include <map>
#include <utility>

namespace weir::dagmanager {

QueueRecord promoted(QueueRecord intent, const QueuePromotion& promotion,
                     const GraphChange& change) {
  intent.state = QueueState::Active;
  intent.node = promotion.node;
  intent.shape = promotion.shape;
  intent.schema_hash = promotion.schema_hash;
  intent.ttl_ms = promotion.ttl_ms;
  intent.lag_alert_seconds = promotion.lag_alert_seconds;
  intent.created_at = change.at;
  intent.binding = change.binding;
  return intent;
}

/// The first mark of a queue stays. One that begins anew has its own order at its end.
QueueRecord marked(QueueRecord queue, const BufferMark& mark) {
  queue.pending_schema_hash = mark.pending_schema_hash;
  if (mark.since && !queue.buffering_since) queue.recompute_due = false;
  if (!queue.buffering_since) queue.buffering_since = mark.since;
  return queue;
}

namespace {

Error odd_artifact(const NodeRecord& node, std::size_t place, std::int64_t known) {
  const graph::Artifact& artifact = node.artifacts[place];
  const std::string path = artifacts_path(node.id.view()) + std::to_string(place) + "/size";
  const std::string text = "is " + std::to_string(artifact.size) +
                           ", but the artifact of checksum " + artifact.checksum + " has " +
                           std::to_string(known) + " bytes";
  return base::invalid_argument("artifact_invalid", "an artifact is known with another size")
      .with_faults({{"artifact_invalid", path, text}});
}

}  // namespace

std::string artifacts_path(std::string_view node) { return std::string(node) + "/artifacts/"; }

Result<void> check_artifacts(std::span<const NodeRecord> nodes, const ArtifactSize& stored) {
  std::map<std::string_view, std::int64_t> sizes;
  for (const NodeRecord& node : nodes) {
    for (std::size_t place = 0; place < node.artifacts.size(); ++place) {
      const graph::Artifact& artifact = node.artifacts[place];
      const auto [known, fresh] = sizes.try_emplace(artifact.checksum, artifact.size);
      if (fresh) known->second = stored(artifact.checksum).value_or(artifact.size);
      if (known->second != artifact.size) return odd_artifact(node, place, known->second);
    }
  }
  return {};
}

}  // namespace weir::dagmanager
