// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/uuid.h"
#include "operators/task_payload.h"

/// Payloads for the tests of operators.
namespace weir::test {

template <class Id>
Id named(std::string_view name) {
  return Id(base::uuid_v5(base::kUuidOfDns, name));
}

/// The reason word of a failure, or "ok".
template <class T>
std::string reason_of(const Result<T>& result) {
  return result.ok() ? "ok" : result.error().reason();
}

/// A task of an operator with one input and one output, triggered by nothing yet.
inline operators::TaskPayload payload_of(std::string op, std::string config) {
  operators::TaskPayload payload;
  payload.task_id = named<operators::TaskId>("task");
  payload.org_id = base::uuid_v5(base::kUuidOfDns, "org");
  payload.dag_name = "demo";
  payload.dag_version_id = base::uuid_v5(base::kUuidOfDns, "dag");
  payload.build_id = base::uuid_v5(base::kUuidOfDns, "build");
  payload.job = "job";
  payload.op = std::move(op);
  payload.runtime = "ecs_platform";
  payload.config = std::move(config);
  payload.execution_strategy = "PerUpdate";
  payload.update_strategy = "replace";
  payload.inputs.push_back({.index = 0,
                            .relation = "input_0",
                            .dataset = named<operators::DatasetUuid>("in"),
                            .version = named<operators::DatasetVersionId>("in")});
  payload.outputs.push_back({.output = 0,
                             .dataset = named<operators::DatasetUuid>("out"),
                             .version = named<operators::DatasetVersionId>("out")});
  return payload;
}

/// Triggered by a cursor.
inline operators::TaskPayload at_cursor(operators::TaskPayload payload, operators::Cursor cursor,
                                        std::int64_t seq = 1) {
  payload.trigger = operators::TaskTrigger{.seq = seq, .cursor = cursor};
  payload.scope.cursor_to = std::move(cursor);
  return payload;
}

/// Triggered by a partition `[start, end]`.
inline operators::TaskPayload at_range(operators::TaskPayload payload, operators::CursorRange range,
                                       std::string trigger_payload = "{}") {
  const std::string key = operators::range_partition_key(range);
  payload.execution_strategy = "PerPartition";
  payload.trigger = operators::TaskTrigger{
      .seq = 1, .partition_key = key, .range = range, .payload = std::move(trigger_payload)};
  payload.scope = {.partition_key = key, .range = range};
  return payload;
}

}  // namespace weir::test
