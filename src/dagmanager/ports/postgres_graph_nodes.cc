// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_graph_nodes.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dagmanager/ports/postgres_graph_sql.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Pool;
using postgres::Rows;

/// What of the new nodes goes into artifact and used_by.
struct ArtifactParams {
  Params artifacts;
  Params sizes;
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
  params.sizes.text_array(uses, checksum).int64_array(uses, size);
  params.uses.int64_array(uses, &Use::node)
      .int32_array(uses, &Use::place)
      .text_array(uses, checksum)
      .text_array(uses, path)
      .text_array(uses, framework)
      .text_array(uses, dtype);
  return params;
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
  return pipeline.add(sql::kFindOddArtifacts, std::move(params->sizes));
}

Result<void> judge_artifacts(const Rows& odd) {
  if (odd.empty()) return {};
  return base::invalid_argument("artifact_invalid", "artifact " + std::string(odd.text(0, 0)) +
                                                        " has " + std::to_string(odd.int64(0, 1)) +
                                                        " bytes, not " +
                                                        std::to_string(odd.int64(0, 2)));
}

std::shared_ptr<NodesAhead> NodesAhead::begin(Pool& pool, Places& places,
                                              const std::vector<NodeRecord>& nodes) {
  if (!places.try_acquire()) return nullptr;
  Place place(&places);
  auto connection = pool.acquire(Duration::zero());
  if (!connection.ok()) return nullptr;
  std::shared_ptr<NodesAhead> ahead(new NodesAhead(std::move(place), *std::move(connection)));

  Pipeline drawing(**ahead->connection_);
  Params count;
  count.int64(std::ssize(nodes));
  drawing.begin();
  const std::size_t drawn = drawing.add(sql::kDrawNodeRows, std::move(count));
  const auto results = drawing.run();
  if (!results.ok()) return nullptr;
  std::vector<NodeOfRow> with_rows;
  with_rows.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    ahead->rows_.push_back((*results)[drawn].int64(i, 0));
    with_rows.push_back({ahead->rows_.back(), &nodes[i]});
  }
  ahead->odd_artifacts_ = add_nodes(ahead->pipeline_, std::move(with_rows));
  if (!ahead->pipeline_.start().ok()) return nullptr;
  return ahead;
}

std::optional<NodesAhead::Written> NodesAhead::finish(const std::vector<NodeRecord>& nodes) {
  if (!connection_) return std::nullopt;
  if (!std::ranges::equal(nodes, rows_, {}, &NodeRecord::row)) {
    connection_.reset();  // its locks would be in the way of the change
    place_.reset();
    return std::nullopt;
  }
  auto results = pipeline_.finish();
  Pool::Lease connection = *std::exchange(connection_, std::nullopt);
  place_.reset();
  if (!results.ok()) return std::nullopt;
  Written written{std::move(connection), std::nullopt};
  if (odd_artifacts_) written.odd_artifacts = std::move((*results)[*odd_artifacts_]);
  return written;
}

}  // namespace weir::dagmanager
