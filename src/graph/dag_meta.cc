// SPDX-License-Identifier: Apache-2.0
#include "graph/dag_meta.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/blake3.h"
#include "base/canonical_number.h"
#include "base/text.h"
#include "graph/json_reading.h"

namespace weir::graph {
namespace {

/// Number and text as trimmed text; empty for every other kind.
std::string plain_text(JsonValue value) {
  if (!value.is_text() && !value.is_number()) return {};
  return std::string(base::trim(scalar_text(value).value_or("")));
}

std::string first_text(JsonValue holder, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    std::string text = plain_text(holder.find(name));
    if (!text.empty()) return text;
  }
  return {};
}

std::optional<double> number_in_text(std::string_view text) {
  text = base::trim(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A weight as section 3.3 reads it, clamped to 0..1; nothing where it is not usable.
std::optional<double> weight_of(JsonValue value) {
  std::optional<double> weight;
  if (value.is_number()) weight = base::parse_double(value.text());
  if (value.is_bool()) weight = value.kind() == JsonKind::True ? 1.0 : 0.0;
  if (value.is_text()) weight = number_in_text(value.text());
  if (!weight || !std::isfinite(*weight)) return std::nullopt;
  return std::clamp(*weight, 0.0, 1.0);
}

std::optional<double> first_weight(JsonValue holder) {
  for (const std::string_view name : {"traffic_weight", "sentinel_weight", "weight"}) {
    const std::optional<double> weight = weight_of(holder.find(name));
    if (weight) return weight;
  }
  return std::nullopt;
}

void read_version(JsonValue root, const std::vector<JsonValue>& sentinels, Dag& dag) {
  std::string version;
  for (const JsonValue sentinel : sentinels) {
    if (version.empty()) {
      version = first_text(sentinel, {"version", "strategy_version", "build_version"});
    }
  }
  if (version.empty()) version = first_text(root, {"strategy_version", "version"});
  if (version.empty()) {
    version = first_text(root.find("meta"), {"version", "strategy_version", "build_version"});
  }
  dag.version_given = !version.empty();
  dag.version = VersionLabel(base::version_label(version));
}

void read_sentinel(JsonValue meta, const std::vector<JsonValue>& sentinels, Dag& dag) {
  if (sentinels.empty()) return;
  SentinelRequest request;
  for (const JsonValue sentinel : sentinels) {
    if (!request.weight) request.weight = first_weight(sentinel);
    if (request.commit_hash.empty()) request.commit_hash = first_text(sentinel, {"commit_hash"});
    if (request.release_tag.empty()) request.release_tag = first_text(sentinel, {"release_tag"});
  }
  if (!request.weight) request.weight = dag.meta_weight;
  if (request.commit_hash.empty()) request.commit_hash = first_text(meta, {"commit_hash"});
  if (request.commit_hash.empty()) request.commit_hash = "dag:" + base::to_hex(dag.json_hash);
  if (request.release_tag.empty()) request.release_tag = first_text(meta, {"release_tag"});
  dag.sentinel = std::move(request);
}

std::string read_namespace(JsonValue value) {
  if (value.is_text()) return base::namespace_from_text(value.text());
  if (!value.is_object()) return {};
  return base::make_namespace(first_text(value, {"world", "world_id"}),
                              first_text(value, {"domain", "execution_domain"}));
}

}  // namespace

void read_dag_meta(JsonValue root, const std::vector<JsonValue>& sentinels, Dag& dag) {
  const JsonValue meta = root.find("meta");
  dag.context = read_context(root);
  dag.topic_namespace = Namespace(read_namespace(meta.find("topic_namespace")));
  dag.meta_world = first_text(meta, {"world", "world_id"});
  const JsonValue domain = meta.find("execution_domain");
  if (domain.is_text()) dag.meta_execution_domain = base::trim(domain.text());
  dag.owner = first_text(meta, {"owner"});
  dag.meta_weight = first_weight(meta);
  read_version(root, sentinels, dag);
  read_sentinel(meta, sentinels, dag);
}

Namespace namespace_of(const Dag& dag, const ComputeContext& context) {
  if (!dag.topic_namespace.empty()) return dag.topic_namespace;
  const std::string& world = context.world_id.empty() ? dag.meta_world : context.world_id;
  return Namespace(base::make_namespace(world, context.execution_domain));
}

SentinelId sentinel_id(const StrategyId& strategy) {
  constexpr std::string_view kSuffix = "-sentinel";
  if (strategy.view().ends_with(kSuffix)) return SentinelId(strategy.text());
  return SentinelId(strategy.text() + std::string(kSuffix));
}

}  // namespace weir::graph
