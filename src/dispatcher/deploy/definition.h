// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "dispatcher/core/task_words.h"
#include "dispatcher/dagfile/dag_file.h"
#include "dispatcher/dagfile/identity.h"
#include "dispatcher/ports/dag_rows.h"

/// What of a job's definition is written into the database. Pure.
namespace weir::dispatcher {

/// The jobs of a normalised document by name.
class NormalisedJobs {
 public:
  explicit NormalisedJobs(const DagFile& file);

  /// The job's object; its name is one of the file's.
  JsonValue of(const DagJob& job) const { return jobs_.at(job.name); }

 private:
  JsonDocument document_;
  std::map<std::string_view, JsonValue> jobs_;
};

/// The parts of a definition that the file alone does not have.
struct DefinitionParts {
  JsonValue normalised;
  std::string core_json;
  std::string node_json;
  const KnownBundle* bundle = nullptr;  ///< of a job with a udf
};

/// Column `definition` of a build (NewBuild in ports/dag_rows.h).
std::string definition_json(const DagJob& job, const DefinitionParts& parts);

/// The columns of an output's rows in their order, as far as the file or the operator says: a
/// published schema, the operator's own, or `config.columns` in the form of `schema.columns`.
std::optional<std::vector<Column>> columns_of(const DagJob& job, const DagOutput& output);

/// Column `schema` of a dataset version; empty where the columns are not known.
std::string schema_json(const DagJob& job, const DagOutput& output);
std::string columns_json(const std::vector<Column>& columns);
/// The columns that tell rows apart: the schema's, else the job's `unique_key`.
std::vector<std::string> unique_of(const DagJob& job, const DagOutput& output);
std::string indexes_json(const DagOutput& output);

/// Column `storage` of a dataset version.
std::string storage_json(const StoragePlace& place);
DatasetKind kind_of(const StoragePlace& place);

/// What others may filter a published output by (2.5.2): `{column: type}`.
std::string filterable_json(const DagJob& job, const DagOutput& output);

/// The queue of the job's ordinary tasks (6.4).
QueueName queue_of(const DagJob& job);

/// The version that a build of this generation has of a dataset: derived, so that a deploy that is
/// repeated after a crash finds the tables it made before.
DatasetVersionId version_id(const DatasetUuid& dataset, std::string_view node_id, int generation);

}  // namespace weir::dispatcher
