// SPDX-License-Identifier: Apache-2.0
#include "graph/compute_context.h"

#include <algorithm>
#include <array>

#include "base/blake3.h"
#include "base/text.h"
#include "base/utf8.h"
#include "graph/json_reading.h"

namespace weir::graph {
namespace {

struct DomainAlias {
  std::string_view segment;
  std::string_view domain;
};

constexpr std::array<DomainAlias, 22> kAliases = {{
    {"backtest", "backtest"},  {"backtesting", "backtest"},
    {"compute", "backtest"},   {"computeonly", "backtest"},
    {"offline", "backtest"},   {"sandbox", "backtest"},
    {"validate", "backtest"},  {"validation", "backtest"},
    {"dryrun", "dryrun"},      {"dryrunmode", "dryrun"},
    {"papermode", "dryrun"},   {"paper", "dryrun"},
    {"papertrade", "dryrun"},  {"papertrading", "dryrun"},
    {"papertrader", "dryrun"}, {"sim", "dryrun"},
    {"simulation", "dryrun"},  {"simulated", "dryrun"},
    {"live", "live"},          {"prod", "live"},
    {"production", "live"},    {"shadow", "shadow"},
}};

/// Text, integer and double as trimmed text; empty for every other kind.
std::string context_text(JsonValue value) {
  if (!value.is_text() && !value.is_number()) return {};
  return std::string(base::trim(scalar_text(value).value_or("")));
}

std::string first_given(JsonValue context, std::string_view name, std::string_view second_name) {
  std::string text = context_text(context.find(name));
  return text.empty() ? context_text(context.find(second_name)) : text;
}

std::string without_joiners(std::string_view segment) {
  std::string token;
  for (std::size_t at = 0; at < segment.size();) {
    const std::size_t from = at;
    const char32_t character = base::next_character(segment, at);
    if (base::is_white_space(character) || character == '_' || character == '-') continue;
    token += segment.substr(from, at - from);
  }
  return token;
}

std::string first_trimmed(std::string_view wins, std::string_view otherwise) {
  const std::string_view trimmed = base::trim(wins);
  return std::string(trimmed.empty() ? base::trim(otherwise) : trimmed);
}

std::string_view or_zero(std::string_view decimal) { return decimal.empty() ? "0" : decimal; }

}  // namespace

RawContext read_context(JsonValue root) {
  const JsonValue meta = root.find("meta");
  JsonValue context = root.find("compute_context");
  if (!context.is_object()) context = meta.find("compute_context");
  RawContext raw;
  raw.world_id = first_given(context, "world_id", "world");
  raw.execution_domain = first_given(context, "execution_domain", "domain");
  raw.as_of = context_text(context.find("as_of"));
  raw.partition = context_text(context.find("partition"));
  raw.dataset_fingerprint = first_given(context, "dataset_fingerprint", "datasetFingerprint");
  if (raw.dataset_fingerprint.empty()) {
    raw.dataset_fingerprint = context_text(meta.find("dataset_fingerprint"));
  }
  return raw;
}

RawContext merge_context(const RawContext& request, const RawContext& dag) {
  return {
      .world_id = first_trimmed(request.world_id, dag.world_id),
      .execution_domain = first_trimmed(request.execution_domain, dag.execution_domain),
      .as_of = first_trimmed(request.as_of, dag.as_of),
      .partition = first_trimmed(request.partition, dag.partition),
      .dataset_fingerprint = first_trimmed(request.dataset_fingerprint, dag.dataset_fingerprint),
  };
}

std::optional<std::string> canonical_domain(std::string_view text) {
  std::string lowered = base::lower_ascii(text);
  std::ranges::replace(lowered, ':', '/');
  for (const std::string_view segment : base::split(lowered, '/')) {
    const auto* const alias =
        std::ranges::find(kAliases, without_joiners(segment), &DomainAlias::segment);
    if (alias != kAliases.end()) return std::string(alias->domain);
  }
  return std::nullopt;
}

ComputeContext evaluate_context(const RawContext& merged) {
  ComputeContext context;
  context.world_id = base::trim(merged.world_id);
  context.as_of = base::trim(merged.as_of);
  context.partition = base::trim(merged.partition);
  context.dataset_fingerprint = base::trim(merged.dataset_fingerprint);
  const std::optional<std::string> domain = canonical_domain(base::trim(merged.execution_domain));
  if (!domain) {
    context.downgrade = DowngradeReason::DecisionUnavailable;
  } else if ((*domain == "backtest" || *domain == "dryrun") && context.as_of.empty()) {
    context.downgrade = DowngradeReason::MissingAsOf;
  }
  context.safe_mode = context.downgrade != DowngradeReason::None;
  context.execution_domain = context.safe_mode ? "backtest" : *domain;
  return context;
}

std::string_view downgrade_text(DowngradeReason reason) {
  switch (reason) {
    case DowngradeReason::DecisionUnavailable:
      return "decision_unavailable";
    case DowngradeReason::MissingAsOf:
      return "missing_as_of";
    case DowngradeReason::None:
      break;
  }
  return "";
}

ComputeKey compute_key(const NodeId& node, const ComputeContext& context) {
  constexpr std::string_view kSeparator = "\x1f";
  base::Digest digest{};
  base::Blake3()
      .update(node.view())
      .update(kSeparator)
      .update(context.world_id)
      .update(kSeparator)
      .update(context.execution_domain)
      .update(kSeparator)
      .update(context.as_of)
      .update(kSeparator)
      .update(context.partition)
      .finish(digest);
  return ComputeKey("blake3:" + base::to_hex(digest));
}

BindingKey binding_key(const ComputeKey& key, const ComputeContext& context,
                       const StrategyId& strategy) {
  if (!context.safe_mode) return BindingKey(key.text());
  return BindingKey(key.text() + "|" + strategy.text());
}

std::string partition_key(const PartitionKeyParts& parts) {
  std::string key(parts.node_id);
  key.append(":").append(or_zero(parts.interval)).append(":").append(or_zero(parts.bucket));
  if (!parts.compute_key.empty()) key.append("#ck=").append(parts.compute_key);
  return key;
}

std::string message_key(std::string_view partition_key, std::string_view input_window_hash) {
  return std::string(partition_key).append(":").append(input_window_hash);
}

std::string_view queue_map_key_to_node_id(std::string_view key) {
  key = key.substr(0, key.find('#'));
  for (int field = 0; field < 2; ++field) {
    const std::size_t colon = key.rfind(':');
    if (colon == std::string_view::npos) break;
    key = key.substr(0, colon);
  }
  return key;
}

}  // namespace weir::graph
