// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/tables.h"

#include <array>

#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/words.h"

namespace weir::dispatcher {
namespace {

using enum FieldType;

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kTimeoutMax = 86'400;  // of the runtime that allows most

constexpr FieldRule kHeartbeat{.name = "heartbeat_timeout_seconds",
                               .type = Integer,
                               .min = 5,
                               .max = 3600,
                               .meaning = "How long a lease lasts without a heartbeat, in seconds"};
constexpr FieldRule kAttempts{.name = "max_attempts",
                              .type = Integer,
                              .min = 1,
                              .max = 100,
                              .meaning = "How often a task is tried"};
constexpr FieldRule kPriority{
    .name = "priority", .values = kPriorities, .meaning = "Which tasks go first"};
constexpr FieldRule kQueueDepth{.name = "max_queue_depth",
                                .type = Integer,
                                .min = 1,
                                .max = 10'000'000,
                                .meaning = "Waiting tasks of a job before it is under pressure"};
constexpr FieldRule kQueueAge{.name = "max_queue_age",
                              .type = FieldType::Duration,
                              .min = 1000,
                              .max = 30 * kDayMs,
                              .meaning = "Age of the oldest waiting task before pressure"};
constexpr FieldRule kBackpressure{.name = "backpressure_mode",
                                  .values = kBackpressureModes,
                                  .meaning = "Whether sources pause under pressure"};
constexpr FieldRule kTimeout{.name = "timeout_seconds",
                             .type = Integer,
                             .min = 1,
                             .max = kTimeoutMax,
                             .meaning =
                                 "Hard limit of one attempt, in seconds: at most 900 on "
                                 "lambda, 86400 on ecs_platform, 300 on dispatcher"};

constexpr std::array kDocumentRules = {
    FieldRule{
        .name = "name", .required = true, .pattern = &kNamePattern, .meaning = "Name of the DAG"},
    FieldRule{.name = "defaults", .type = Mapping, .meaning = "Values for jobs that set none"},
    FieldRule{.name = "jobs",
              .type = List,
              .required = true,
              .min = 1,
              .max = kJobsMax,
              .meaning = "The jobs; their order means nothing"},
    FieldRule{.name = "publish",
              .type = Mapping,
              .meaning = "Outputs that are datasets with a name, by that name"},
};
constexpr std::array<std::string_view, 4> kDocumentReserved = {"entrypoints", "kind", "datasets",
                                                               "version"};

constexpr std::array kDefaultsRules = {kHeartbeat, kAttempts,     kPriority, kQueueDepth,
                                       kQueueAge,  kBackpressure, kTimeout};

constexpr std::array<std::string_view, 1> kReservedActivations = {"manual"};
constexpr std::array<std::string_view, 1> kReservedRuntimes = {"ecs_udf"};
constexpr std::array<std::string_view, 1> kReservedStrategies = {"Bulk"};

constexpr std::array kJobRules = {
    FieldRule{.name = "name",
              .required = true,
              .pattern = &kNamePattern,
              .meaning = "Name of the job, unique in the file"},
    FieldRule{.name = "activation",
              .required = true,
              .values = kActivations,
              .reserved_values = kReservedActivations,
              .meaning = "Whether it begins chains of events or answers events"},
    FieldRule{.name = "runtime",
              .required = true,
              .values = kRuntimes,
              .reserved_values = kReservedRuntimes,
              .meaning = "Where it runs"},
    FieldRule{.name = "operator", .required = true, .meaning = "What it does"},
    FieldRule{.name = "outputs",
              .type = Integer,
              .required = true,
              .min = 1,
              .max = kOutputsMax,
              .meaning = "Number of outputs, named 0, 1, … where they are used"},
    FieldRule{.name = "inputs",
              .type = List,
              .min = 1,
              .max = kInputsMax,
              .meaning = "What a reactive job reads"},
    FieldRule{.name = "execution_strategy",
              .values = kExecutionStrategies,
              .reserved_values = kReservedStrategies,
              .meaning = "How events become tasks"},
    FieldRule{.name = "update_strategy",
              .values = kUpdateStrategies,
              .meaning = "Whether outputs are added to or replaced"},
    FieldRule{.name = "unique_key",
              .type = TextList,
              .min = 1,
              .max = kUniqueColumnsMax,
              .pattern = &kColumnPattern,
              .meaning = "Columns that make a row the same row again, for append"},
    FieldRule{.name = "source", .type = Mapping, .meaning = "What starts a source job"},
    FieldRule{.name = "bootstrap", .type = Mapping, .meaning = "What its first activation does"},
    FieldRule{.name = "secrets",
              .type = TextList,
              .pattern = &kSecretPattern,
              .meaning = "Names of secrets that the operator is given"},
    FieldRule{.name = "config", .type = Mapping, .meaning = "Settings of the operator"},
    FieldRule{.name = "udf", .type = Mapping, .meaning = "The user's code that it runs"},
    FieldRule{.name = "scaling", .type = Mapping, .meaning = "How much of it runs at once"},
    kHeartbeat,
    kAttempts,
    kPriority,
    kQueueDepth,
    kQueueAge,
    kBackpressure,
    kTimeout,
};
constexpr std::array<std::string_view, 5> kJobReserved = {"idle_timeout", "worker_pools",
                                                          "depends_on", "iam", "iam_policy"};

constexpr std::array kInputRules = {
    FieldRule{.name = "from",
              .type = Mapping,
              .required = true,
              .meaning = "An output of this file, or a dataset"},
    FieldRule{.name = "where",
              .type = Mapping,
              .min = 1,
              .max = kWhereFieldsMax,
              .meaning = "Only rows with these values"},
};
constexpr std::array kFromRules = {
    FieldRule{.name = "job", .meaning = "A job of this file"},
    FieldRule{.name = "output", .type = Integer, .meaning = "Number of its output"},
    FieldRule{.name = "dataset", .meaning = "Name of a published dataset"},
};
constexpr std::array kSourceRules = {
    FieldRule{.name = "kind",
              .required = true,
              .values = kSourceKinds,
              .meaning = "What starts it; the operator decides which it can be"},
    FieldRule{.name = "schedule",
              .meaning = "When a cron source is due, UTC: rate(5 minutes), cron(0 12 * * ? *) or "
                         "five fields"},
    FieldRule{
        .name = "webhook_path", .pattern = &kWebhookPattern, .meaning = "Path of a webhook source"},
};
constexpr std::array kBootstrapRules = {
    FieldRule{.name = "reset_outputs",
              .type = Boolean,
              .meaning = "Whether outputs begin anew, once for each version of the file"},
};
constexpr std::array kUdfRules = {
    FieldRule{.name = "bundle_id",
              .required = true,
              .pattern = &kBundlePattern,
              .meaning = "The uploaded bundle"},
    // Its pattern holds only where the bundle is not rust, so the reader of jobs checks it.
    FieldRule{.name = "entrypoint", .meaning = "Function to call: module.handler; not for rust"},
};
constexpr std::array kScalingRules = {
    FieldRule{.name = "max_concurrency",
              .type = Integer,
              .min = 1,
              .max = 100'000,
              .meaning = "Tasks of the job that run at once"},
};
constexpr std::array kPublishRules = {
    FieldRule{.name = "from",
              .type = Mapping,
              .required = true,
              .meaning = "The output that is published: {job, output}"},
    FieldRule{.name = "storage",
              .values = kPublishedStorages,
              .meaning = "Where it is kept; without it, the operator decides"},
    FieldRule{.name = "write_mode",
              .values = kWriteModes,
              .meaning = "How rows reach postgres: through a queue, or by a platform job itself"},
    FieldRule{.name = "schema", .type = Mapping, .meaning = "The table of a buffered dataset"},
    FieldRule{.name = "checks",
              .type = List,
              .min = 1,
              .max = kChecksMax,
              .meaning = "What a new version must pass before it is switched to"},
};
constexpr std::array kSchemaRules = {
    FieldRule{.name = "columns", .type = Any, .required = true, .meaning = "Columns by name"},
    FieldRule{.name = "unique",
              .type = TextList,
              .required = true,
              .min = 1,
              .max = kUniqueColumnsMax,
              .pattern = &kColumnPattern,
              .meaning = "Columns of the key, the same as the job's unique_key"},
    FieldRule{.name = "indexes",
              .type = List,
              .min = 0,
              .max = kIndexesMax,
              .meaning = "Lists of columns that are looked up by"},
};
constexpr std::array kColumnRules = {
    FieldRule{
        .name = "type", .required = true, .values = kColumnTypes, .meaning = "Type of the column"},
    FieldRule{.name = "nullable", .type = Boolean, .meaning = "Whether it may be null"},
};

constexpr std::array<std::string_view, 2> kOnFail = {"block", "warn"};
constexpr std::array kCheckRules = {
    FieldRule{
        .name = "kind", .required = true, .values = kCheckKinds, .meaning = "What is measured"},
    FieldRule{.name = "name",
              .pattern = &kCheckNamePattern,
              .meaning = "Name of the check; without it its kind and column"},
    FieldRule{.name = "on_fail",
              .values = kOnFail,
              .meaning = "Whether a failed check keeps the old version"},
    FieldRule{.name = "max_drift",
              .type = Number,
              .min = 0,
              .max = 100,
              .meaning = "row_count: share of rows that may come or go"},
    FieldRule{.name = "min_rows",
              .type = Integer,
              .min = 0,
              .max = kWireIntegerMax,
              .meaning = "row_count: least number of rows"},
    FieldRule{.name = "column",
              .pattern = &kColumnPattern,
              .meaning = "null_share, freshness: the column that is measured"},
    FieldRule{.name = "max",
              .type = Number,
              .min = 0,
              .max = 1,
              .meaning = "null_share: largest share of nulls"},
    FieldRule{.name = "max_lag",
              .type = FieldType::Duration,
              .min = 1,
              .max = kDurationMsMax - 1,
              .meaning = "freshness: how old the newest row may be"},
    FieldRule{.name = "sql", .meaning = "sql: a SELECT of one bool over candidate and baseline"},
};

}  // namespace

const FieldTable& document_table() {
  static constexpr FieldTable kTable{kDocumentRules, kDocumentReserved};
  return kTable;
}
const FieldTable& defaults_table() {
  static constexpr FieldTable kTable{kDefaultsRules};
  return kTable;
}
const FieldTable& job_table() {
  static constexpr FieldTable kTable{kJobRules, kJobReserved};
  return kTable;
}
const FieldTable& input_table() {
  static constexpr FieldTable kTable{kInputRules};
  return kTable;
}
const FieldTable& from_table() {
  static constexpr FieldTable kTable{kFromRules};
  return kTable;
}
const FieldTable& source_table() {
  static constexpr FieldTable kTable{kSourceRules};
  return kTable;
}
const FieldTable& bootstrap_table() {
  static constexpr FieldTable kTable{kBootstrapRules};
  return kTable;
}
const FieldTable& udf_table() {
  static constexpr FieldTable kTable{kUdfRules};
  return kTable;
}
const FieldTable& scaling_table() {
  static constexpr FieldTable kTable{kScalingRules};
  return kTable;
}
const FieldTable& publish_table() {
  static constexpr FieldTable kTable{kPublishRules};
  return kTable;
}
const FieldTable& schema_table() {
  static constexpr FieldTable kTable{kSchemaRules};
  return kTable;
}
const FieldTable& column_table() {
  static constexpr FieldTable kTable{kColumnRules};
  return kTable;
}
const FieldTable& check_table() {
  static constexpr FieldTable kTable{kCheckRules};
  return kTable;
}

}  // namespace weir::dispatcher
