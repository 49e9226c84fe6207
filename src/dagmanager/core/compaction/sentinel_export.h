// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dagmanager/core/compaction/retirement.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/records.h"

/// A sentinel's file in the archive: one JSON object, one record a line, so that it can be compared
/// and searched by line.
///
///     {"format":"weir sentinel archive 1","created_at":…,
///     "sentinel":{…},
///     "deploys":[
///     {…},
///     …],
///     "nodes":[
///     {…},
///     …]}
///
/// `deploys` is its HAS set: every deploy under it, with its nodes in submission order. `nodes` has
/// every node of them once, by id, with its artifacts. Rows have no numbers here: ids tell them.
namespace weir::dagmanager {

/// What a store keeps of a sentinel beside the graph.
struct SentinelExport {
  SentinelRecord sentinel;
  std::vector<DeployRecord> deploys;  ///< by key

  friend bool operator==(const SentinelExport&, const SentinelExport&) = default;
};

std::string exported_sentinel(const SentinelRecord& sentinel);
std::string exported_deploy(const DeployRecord& deploy, const GraphIndex& index);
std::string exported_node(const NodeRecord& node);

/// The file's first line: what tells it from one of another sentinel of the same name and version,
/// which came later.
std::string export_head(const SentinelRecord& sentinel);
/// The whole file.
std::string export_text(const SentinelExport& sentinel, const GraphIndex& index);

/// `sentinels/<world>/<sentinel_id>/<version>`, each part percent-encoded; a sentinel without a
/// world stands under `=none`. `.json` and `.json.checksum` come behind it.
std::string export_name(const SentinelRecord& sentinel);
/// The same for a later sentinel, where that is another's by now.
std::string later_export_name(const SentinelRecord& sentinel);

/// A sentinel's way out, in one transaction.
struct SentinelRemoval {
  SentinelExport exported;  ///< as it is in the archive; of another one nothing is removed
  std::size_t deploys_kept = 0;
  std::string object;    ///< its name in the archive
  std::string checksum;  ///< "blake3:<hex>"
  std::string actor;
  std::string cause;
  Instant at{};
};

SentinelKey key_of(const SentinelRecord& sentinel);

/// The row of the log that names it.
TopicLogRow archived_row(const SentinelRemoval& removal);

}  // namespace weir::dagmanager
