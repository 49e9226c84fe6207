// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "graph/ids.h"

namespace weir::graph {

/// Where and over what a graph is computed, as it was said (contract section 2.6). Empty: absent.
struct RawContext {
  std::string world_id = {};
  std::string execution_domain = {};
  std::string as_of = {};
  std::string partition = {};
  std::string dataset_fingerprint = {};

  friend bool operator==(const RawContext&, const RawContext&) = default;
};

/// The context a DAG document carries itself: `compute_context` at the root, else in `meta`.
RawContext read_context(JsonValue root);

/// `request` wins over `dag`, field by field, before anything is normalised. Fields are trimmed.
RawContext merge_context(const RawContext& request, const RawContext& dag);

enum class DowngradeReason { None, DecisionUnavailable, MissingAsOf };

/// The context after aliases and safe-mode rules. `execution_domain` is one of backtest, dryrun,
/// live, shadow.
struct ComputeContext {
  std::string world_id = {};
  std::string execution_domain = {};
  std::string as_of = {};
  std::string partition = {};
  std::string dataset_fingerprint = {};
  bool safe_mode = false;
  DowngradeReason downgrade = DowngradeReason::None;

  friend bool operator==(const ComputeContext&, const ComputeContext&) = default;
};

/// The canonical domain of an alias, or nothing where the text means none of the four.
std::optional<std::string> canonical_domain(std::string_view text);

ComputeContext evaluate_context(const RawContext& merged);

/// "decision_unavailable", "missing_as_of", or empty.
std::string_view downgrade_text(DowngradeReason reason);

/// Section 2.7: blake3 over node id, world, domain, as_of and partition, separated by 0x1F.
ComputeKey compute_key(const NodeId& node, const ComputeContext& context);

/// Section 3.6: the compute key; in safe mode with "|" and the strategy, so that nothing is reused
/// across strategies.
BindingKey binding_key(const ComputeKey& key, const ComputeContext& context,
                       const StrategyId& strategy);

/// What `partition_key` is made of (section 2.8).
struct PartitionKeyParts {
  std::string_view node_id = {};
  std::string_view interval = {};     ///< decimal, empty counts as 0
  std::string_view bucket = {};       ///< decimal, empty counts as 0
  std::string_view compute_key = {};  ///< empty: no "#ck="
};
std::string partition_key(const PartitionKeyParts& parts);

/// Kafka message key of the commit log (section 1.5).
std::string message_key(std::string_view partition_key, std::string_view input_window_hash);

/// The node id inside a queue_map key, as the gateway cuts it out (section 2.8).
std::string_view queue_map_key_to_node_id(std::string_view key);

}  // namespace weir::graph
