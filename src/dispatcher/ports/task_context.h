// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dispatcher/core/ids.h"
#include "dispatcher/core/records.h"
#include "dispatcher/core/task_words.h"

/// What stands around a task besides its row: its job, its inputs and outputs, the event that
/// caused it. What a task payload (contract appendix A.1) and a capability token are made of.
namespace weir::dispatcher {

enum class DatasetKind : std::uint8_t { Events, Parquet, Table, Virtual };

/// A dataset version that a build reads, as its subscription says now.
struct InputContext {
  int index = 0;
  DatasetUuid dataset;
  DatasetVersionId version;
  std::string dataset_id;  ///< published name; empty if it has none
  DatasetKind kind = DatasetKind::Events;
  std::string where_json;   ///< canonical filter of the edge; empty for none
  std::string schema_json;  ///< column `schema` of the version; empty for none
  std::optional<std::string> cursor_column = {};

  friend bool operator==(const InputContext&, const InputContext&) = default;
};

/// A dataset version that a build owns.
struct OutputContext {
  int output = 0;
  DatasetUuid dataset;
  DatasetVersionId version;
  DatasetKind kind = DatasetKind::Events;
  bool buffered = false;    ///< of a table: written by the sink; else `direct`
  std::string schema_json;  ///< column `schema` of the version; empty for none
  std::string dataset_id;   ///< published name; empty if it has none

  friend bool operator==(const OutputContext&, const OutputContext&) = default;
};

/// A job as one dag_version defines it and one build runs it. Immutable but for the inputs of
/// foreign datasets, so it may be kept by (dag_version, build) for the length of a transaction.
struct JobContext {
  OrgId org_id;
  std::string dag_name;
  DagVersionId dag_version_id;
  BuildId build_id;
  std::string world = "live";
  std::string job;
  std::string operator_name;
  std::string operator_version;
  std::string runtime;             ///< as declared: lambda, ecs_platform, dispatcher
  std::string config_json = "{}";  ///< defaults filled in
  std::string execution_strategy;  ///< empty for a source
  std::string update_strategy;     ///< empty for a source
  std::vector<std::string> unique_key;
  std::string udf_json;  ///< `{bundle_id, language, sha256, entrypoint}`; empty for none
  std::vector<std::string> secrets;
  bool ordered = false;  ///< its tasks run in the order of their events
  bool inlined = false;  ///< the Dispatcher runs it in the creating transaction
  std::vector<InputContext> inputs;
  std::vector<OutputContext> outputs;

  friend bool operator==(const JobContext&, const JobContext&) = default;
};

/// A row of `events` as a consumer's payload shows it.
struct EventContext {
  EventId event_id;
  DatasetVersionId version;
  std::int64_t seq = 0;
  std::optional<std::string> partition_key;  ///< of kind partition, else a cursor
  std::optional<Cursor> cursor;
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
  std::string payload_json = "{}";

  friend bool operator==(const EventContext&, const EventContext&) = default;
};

/// A task with all that its executor is told.
struct TaskContext {
  TaskRecord task;
  BuildFacts build;
  std::shared_ptr<const JobContext> job;
  std::optional<EventContext> trigger;
  std::optional<LeaseRecord> lease;  ///< of a running task
};

}  // namespace weir::dispatcher
