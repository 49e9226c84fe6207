// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/strong_text.h"
#include "dispatcher/dagfile/operator_registry.h"
#include "dispatcher/dagfile/schedule.h"
#include "dispatcher/dagfile/words.h"

/// A DAG file that was read and found sound (contract chapter 2). Data only.
namespace weir::dispatcher {

using YamlHash = base::StrongText<struct YamlHashTag>;          ///< "blake3:<hex>", section 2.8
using RegistryHash = base::StrongText<struct RegistryHashTag>;  ///< likewise
using CoreId = base::StrongText<struct CoreIdTag>;
using JobNodeId = base::StrongText<struct JobNodeIdTag>;
using DatasetId = base::StrongText<struct DatasetIdTag>;  ///< opaque, as its owner wrote it
using BundleId = base::StrongText<struct BundleIdTag>;

/// When and how often a job runs (section 2.3), with everything filled in.
struct JobTuning {
  std::int64_t heartbeat_timeout_seconds = 60;  ///< the lease
  std::int64_t max_attempts = 3;
  Priority priority = Priority::Normal;
  std::int64_t max_queue_depth = 1000;
  std::int64_t max_queue_age_ms = 300'000;
  BackpressureMode backpressure_mode = BackpressureMode::Pause;
  /// None for an always_on source, which runs without end.
  std::optional<std::int64_t> timeout_seconds = {};
};

/// An edge into a job.
struct DagInput {
  /// The producing job and its output, of this file (named as a job, or by a dataset that this file
  /// publishes).
  std::optional<std::size_t> job = {};
  std::int64_t output = 0;
  /// The dataset, where the file names one; with no job it is another DAG's.
  DatasetId dataset = {};
  std::string where_json = {};  ///< canonical, sorted, distinct; empty for none
};

struct DagSource {
  SourceKind kind = SourceKind::Cron;
  std::optional<Schedule> schedule = {};
  std::string schedule_text = {};  ///< normalised
  std::string webhook_path = {};
};

struct DagUdf {
  BundleId bundle;
  std::string entrypoint = {};  ///< empty where the file has none
};

/// A table's schema of a published output.
struct TableSchema {
  std::vector<Column> columns;
  std::vector<std::string> unique;
  std::vector<std::vector<std::string>> indexes = {};
};

/// One output of a job, published or not.
struct DagOutput {
  StoragePlace place;
  std::optional<DatasetId> dataset = {};   ///< its published name
  std::optional<TableSchema> schema = {};  ///< of buffered tables
  std::string checks_json = {};            ///< canonical list, defaults filled in; or empty
};

struct DagJob {
  std::string name;
  const OperatorSpec* operation = nullptr;  ///< of the registry, which outlives the file
  Activation activation = Activation::Reactive;
  Runtime runtime = Runtime::Dispatcher;
  std::vector<DagInput> inputs = {};
  std::vector<DagOutput> outputs = {};
  std::optional<ExecutionStrategy> execution = {};
  std::optional<UpdateStrategy> update = {};
  std::vector<std::string> unique_key = {};
  std::optional<DagSource> source = {};
  bool reset_outputs = false;
  std::vector<std::string> secrets = {};  ///< sorted
  JobTuning tuning = {};
  std::string config_json = "{}";    ///< canonical, defaults filled in: what the operator gets
  std::string identity_json = "{}";  ///< the same without what is execution-only: what is hashed
  /// Names of `config.columns` in the order of the file, which the JSON above has sorted; in this
  /// order they are shown. Not part of any identity.
  std::vector<std::string> column_order = {};
  std::optional<DagUdf> udf = {};
  std::optional<std::int64_t> max_concurrency = {};
};

struct DagFile {
  std::string name;
  std::vector<DagJob> jobs = {};  ///< in the order of the file
  /// Indexes of jobs, each behind those whose outputs it reads; of equals the first in the file.
  std::vector<std::size_t> order = {};
  std::string normalised = {};  ///< canonical JSON of the document (section 2.8)
  YamlHash yaml_hash = {};
  RegistryHash registry_hash = {};
};

}  // namespace weir::dispatcher
