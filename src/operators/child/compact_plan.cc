// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "operators/batch_manifest.h"
#include "operators/child/compact_source.h"
#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/limits.h"

namespace weir::operators {
namespace {

constexpr std::string_view kSourceRelation = "source";

/// The granted version that holds the rows: the one granted as `source`, the manifest's, or else
/// the input's own.
const TaskInput* source_of(const TaskPayload& payload, const ManifestSource& manifest) {
  if (const TaskInput* source = payload.input(kSourceRelation)) return source;
  if (manifest.version) {
    const auto found = std::ranges::find(payload.inputs, *manifest.version, &TaskInput::version);
    return found == payload.inputs.end() ? nullptr : &*found;
  }
  return payload.input(payload.trigger ? payload.trigger->input : 0);
}

Result<void> read_config(JsonValue root, const ManifestSource& manifest, CompactPlan& plan) {
  WEIR_TRY(auto column, optional_text(root, "cursor_column"));
  if (!column) column = manifest.cursor_column;
  if (!column) {
    return fatal_error("cursor_column_missing", "neither the config nor the batch names a column");
  }
  plan.cursor_column = *std::move(column);
  WEIR_TRY(const auto rows, optional_whole(root, "chunk_size"));
  WEIR_TRY(const auto depth, optional_whole(root, "finality_depth"));
  WEIR_TRY(const auto remove, optional_bool(root, "delete_after_compact"));
  plan.rows_per_file = rows.value_or(kRowsPerFileMax);
  plan.finality_depth = depth.value_or(0);
  plan.delete_after = remove.value_or(false);
  if (plan.rows_per_file < 1 || plan.finality_depth < 0 || plan.finality_depth > kWholeMax) {
    return fatal_error("config_invalid", "chunk_size or finality_depth is out of range");
  }
  return {};
}

/// Stops a stream of rows once it has begun.
Error seen_enough() { return {Code::Cancelled, "seen_enough", "one row is enough"}; }

}  // namespace

Result<CompactPlan> CompactPlan::of(const TaskPayload& payload) {
  CompactPlan plan;
  ManifestSource manifest;
  if (payload.trigger) {
    WEIR_TRY(manifest, read_manifest_source(payload.trigger->payload));
  }
  const TaskTrigger* trigger = payload.trigger ? &*payload.trigger : nullptr;
  const bool own = trigger != nullptr && trigger->partition_key.has_value();
  if (!payload.scope.partition_key && !own) {
    return fatal_error("scope_required", "the task covers no partition");
  }
  plan.partition_key =
      payload.scope.partition_key ? *payload.scope.partition_key : *trigger->partition_key;
  auto range = payload.scope.range;
  if (!range && own) range = trigger->range;
  if (!range) range = manifest.range;
  if (!range) return fatal_error("range_missing", "the partition has no start and end");
  plan.range = *range;
  WEIR_TRY(const JsonDocument config, parse_object(payload.config, "config"));
  plan.source = source_of(payload, manifest);
  if (plan.source == nullptr) {
    return fatal_error("source_not_granted", "the source of the batch is not granted to the task");
  }
  if (plan.source->kind == DatasetKind::Events) {
    return fatal_error("nothing_to_compact", "the source keeps events, no rows");
  }
  WEIR_CHECK(read_config(config.root(), manifest, plan));
  return plan;
}

Result<void> check_final(const CompactPlan& plan, TaskApi& api) {
  const Error not_final = retryable_error(
      "not_final", "the source has not gone " + std::to_string(plan.finality_depth) + " beyond " +
                       std::to_string(plan.range.end));
  if (plan.source->max_cursor) {
    if (plan.range.end > *plan.source->max_cursor - plan.finality_depth) return not_final;
    return {};
  }
  if (plan.finality_depth == 0) return {};
  bool seen = false;
  const auto asked = api.get_rows({.relation = plan.source->relation,
                                   .cursor_column = plan.cursor_column,
                                   .start = plan.range.end + plan.finality_depth},
                                  RowsFormat::JsonLines, [&](std::string_view bytes) {
                                    seen = seen || !bytes.empty();
                                    return seen ? Result<void>(seen_enough()) : Result<void>();
                                  });
  if (seen) return {};
  WEIR_CHECK(asked);
  return not_final;
}

}  // namespace weir::operators
