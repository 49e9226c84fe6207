// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "dispatcher/dagfile/fields.h"
#include "dispatcher/dagfile/validate.h"

/// A DAG file between its text and its model: what could be read of it, each value with its place.
/// An empty optional is what is missing or wrong; that was reported, and nothing follows from it.
namespace weir::dispatcher {

/// Where an output comes from, as `inputs[i].from` and `publish.*.from` say it.
struct OriginDraft {
  FieldSet fields;
  bool by_job = false;      ///< `{job, output}`
  bool by_dataset = false;  ///< `{dataset}`
  /// The producing job and output of this file, once found.
  std::optional<std::size_t> job = {};
  std::int64_t output = 0;
  const KnownDataset* known = nullptr;  ///< another DAG's dataset
};

struct InputDraft {
  YamlValue at;
  FieldSet fields;
  OriginDraft from;
};

struct JobDraft {
  YamlValue at;
  FieldSet fields;
  std::string_view name = {};
  const OperatorSpec* operation = nullptr;
  std::optional<Activation> activation = {};
  std::optional<Runtime> runtime = {};
  std::optional<ExecutionStrategy> execution = {};
  std::optional<UpdateStrategy> update = {};
  std::optional<std::int64_t> outputs = {};
  std::vector<InputDraft> inputs = {};
  FieldSet source = {};
  std::optional<SourceKind> source_kind = {};
  FieldSet bootstrap = {};
  FieldSet udf = {};
  FieldSet scaling = {};
  FieldSet config = {};                             ///< where the operator has a table
  std::optional<std::vector<Column>> columns = {};  ///< that table_ingest writes
};

struct CheckDraft {
  FieldSet fields;
  std::string name;
};

struct PublishDraft {
  YamlValue at;
  FieldSet fields;
  OriginDraft from;
  std::optional<StoragePlace> place = {};
  FieldSet schema = {};
  std::optional<TableSchema> table = {};
  std::vector<CheckDraft> checks = {};
};

struct Draft {
  Draft(const ValidationContext& held_against, FaultList& error_list, FaultList& warning_list)
      : context(held_against), errors(error_list), warnings(warning_list) {}

  const ValidationContext& context;
  FaultList& errors;
  FaultList& warnings;

  FieldSet document = {};
  FieldSet defaults = {};
  std::vector<JobDraft> jobs = {};
  std::vector<PublishDraft> publish = {};

  std::map<std::string_view, std::size_t> job_by_name = {};
  std::map<std::string_view, std::size_t> publish_by_id = {};
  /// A job's name could not be read, so that an edge may mean that job.
  bool unnamed_job = false;
  /// Indexes of jobs, producers first; of those in no cycle.
  std::vector<std::size_t> order = {};

  /// A tuning field: the job's, else that of `defaults`; not good where neither has it.
  const Field& tuning(const JobDraft& job, std::string_view name) const {
    const Field& own = job.fields[name];
    return own.there() ? own : defaults[name];
  }
};

/// The steps of validate_dag, in this order. Each reports what it finds and fills its part.
void read_jobs(Draft& draft);
void read_publish(Draft& draft);
void link_jobs(Draft& draft);      ///< edges, cycles, the order of jobs
void check_publish(Draft& draft);  ///< where outputs are kept
void check_links(Draft& draft);    ///< `where`, strategies along edges, unused jobs
/// Reads `config` of a job whose operator is known, and checks what a table cannot say.
void read_config(Draft& draft, JobDraft& job);
/// The names of table_ingest's columns as the file has them, where that order decides what is read:
/// csv without a header, whose fields have their order alone (section 6.19). Empty elsewhere, and
/// where it is the order of names, in which mappings stand in normalised documents anyway.
std::vector<std::string> deciding_order(const JobDraft& job);
/// The model of a draft without errors.
DagFile make_dag_file(const Draft& draft);

/// Columns as `schema.columns` (section 2.7) and table_ingest's `columns` write them; nothing, and
/// all faults reported as `code`, if there is one.
std::optional<std::vector<Column>> read_columns(YamlValue columns, FaultList& errors,
                                                std::string_view code);

/// Reads the mapping `from`; `datasets` tells whether it may name one. E_VALUE for another shape.
OriginDraft read_origin(YamlValue from, bool datasets, FaultList& errors);

/// Finds the job and output that `{job, output}` names: E_UNKNOWN_JOB, E_OUTPUT_RANGE.
void find_origin(Draft& draft, OriginDraft& from);

/// Reports what may not stand in free-form values: nulls, numbers that are too large.
bool check_free_value(YamlValue value, FaultList& errors);

/// Bounds and built-in defaults of `timeout_seconds` (section 2.3).
inline constexpr std::int64_t timeout_max_seconds(Runtime runtime) {
  switch (runtime) {
    case Runtime::Lambda:
      return 900;
    case Runtime::EcsPlatform:
      return 86'400;
    case Runtime::Dispatcher:
      return 300;
  }
  return 0;
}

inline constexpr std::int64_t timeout_default_seconds(Runtime runtime) {
  return runtime == Runtime::EcsPlatform ? 1800 : 60;
}

}  // namespace weir::dispatcher
