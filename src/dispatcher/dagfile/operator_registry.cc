// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/operator_registry.h"

#include <array>

#include "dispatcher/dagfile/limits.h"

namespace weir::dispatcher {
namespace {

using enum Runtime;
using enum ExecutionStrategy;
using enum UpdateStrategy;

constexpr WordSet<Runtime> kTriggerRuntimes(Lambda, Runtime::Dispatcher);
constexpr WordSet<Runtime> kLambda(Lambda);
constexpr WordSet<Runtime> kPlatform(EcsPlatform);
constexpr WordSet<Runtime> kDispatcher(Runtime::Dispatcher);
constexpr WordSet<Runtime> kPlatformOrDispatcher(EcsPlatform, Runtime::Dispatcher);
constexpr WordSet<ExecutionStrategy> kEither(PerUpdate, PerPartition);
constexpr WordSet<ExecutionStrategy> kPerUpdate(PerUpdate);
constexpr WordSet<ExecutionStrategy> kPerPartition(PerPartition);
constexpr WordSet<UpdateStrategy> kAny(Append, Replace);
constexpr WordSet<UpdateStrategy> kAppend(Append);
constexpr WordSet<UpdateStrategy> kReplace(Replace);

constexpr std::array kOnlyObjects = {place::kObjects};
constexpr std::array kOnlyBuffered = {place::kBuffered};
constexpr std::array kOnlyDirect = {place::kDirect};
constexpr std::array kObjectsOrDirect = {place::kObjects, place::kDirect};

constexpr std::int64_t kWhole = kWireIntegerMax;

/// A rule of a `config` key, without the fields that are seldom said.
constexpr ConfigRule integer(std::string_view name, std::int64_t min, std::string_view fallback,
                             std::string_view meaning, bool required = false) {
  return {.field = {.name = name,
                    .type = FieldType::Integer,
                    .required = required,
                    .min = min,
                    .max = kWhole,
                    .meaning = meaning},
          .default_json = fallback};
}

constexpr ConfigRule text(std::string_view name, std::string_view fallback,
                          std::string_view meaning, bool required = false) {
  return {.field = {.name = name, .required = required, .meaning = meaning},
          .default_json = fallback};
}

constexpr ConfigRule word(std::string_view name, std::span<const std::string_view> values,
                          std::string_view fallback, std::string_view meaning,
                          bool required = false) {
  return {.field = {.name = name, .required = required, .values = values, .meaning = meaning},
          .default_json = fallback};
}

constexpr ConfigRule flag(std::string_view name, std::string_view fallback,
                          std::string_view meaning) {
  return {.field = {.name = name, .type = FieldType::Boolean, .meaning = meaning},
          .default_json = fallback};
}

constexpr ConfigRule column(std::string_view name, std::string_view meaning, bool required) {
  return {.field = {
              .name = name, .required = required, .pattern = &kColumnPattern, .meaning = meaning}};
}

constexpr std::array kWebhookConfig = {
    integer("max_body_bytes", 1, "262144", "Largest body that is taken"),
    text("signature_secret", "", "Name of the secret that signs the bodies"),
};

constexpr std::array kSequenceConfig = {
    integer("start", -kWhole, "0", "First cursor"),
    integer("end", -kWhole, "", "Last cursor; without it the sequence goes on"),
    integer("step", 1, "1", "From one cursor to the next"),
    integer("interval_ms", 0, "1000", "Milliseconds from one event to the next"),
};

constexpr std::array<std::string_view, 3> kFormats = {"csv", "jsonl", "parquet"};
constexpr std::array<std::string_view, 2> kMissing = {"fail", "empty"};

constexpr std::array kIngestConfig = {
    text("path", "", "Files below the root, `*` in the last segment", /*required=*/true),
    word("format", kFormats, "", "How the files are written", /*required=*/true),
    ConfigRule{.field = {.name = "columns",
                         .type = FieldType::Any,
                         .required = true,
                         .meaning = "Columns of the rows, as `schema.columns`"}},
    text("root", "\"default\"", "Root folder, by its name in the server's configuration"),
    column("cursor_column", "Column whose greatest value is the emitted cursor", false),
    flag("header", "true", "Whether the first line of a csv file names its columns"),
    text("delimiter", "\",\"", "What stands between the fields of a csv file, one character"),
    text("null_text", "\"\"", "What stands for null in a csv file"),
    word("missing", kMissing, "\"fail\"", "What to do where no file matches"),
};

constexpr std::array<std::string_view, 2> kAggregatorModes = {"range", "count"};
constexpr std::array kAggregatorConfig = {
    column("cursor_column", "Column that the windows are counted in", true),
    word("mode", kAggregatorModes, "\"range\"", "Windows of cursors, or of a number of events"),
    integer("range_size", 1, "", "Cursors a window, in mode range"),
    integer("batch_size", 1, "", "Events a batch, in mode count"),
    integer("origin", -kWhole, "0", "A cursor at which a window begins"),
};

constexpr std::array kSplitterConfig = {
    integer("chunk_size", 1, "", "Cursors a chunk", /*required=*/true),
};

constexpr std::array kCompactConfig = {
    text("source", "", "Dataset to read; without it the manifest's"),
    column("cursor_column", "Column of the range; without it the manifest's", false),
    integer("chunk_size", 1, "100000", "Rows a file"),
    integer("finality_depth", 0, "0", "Cursors behind the newest that may still change"),
    flag("delete_after_compact", "false", "Whether the range is deleted from its source"),
};

constexpr std::array<std::string_view, 1> kOutputFormats = {"parquet"};
constexpr std::array kQueryConfig = {
    text("sql", "", "A SELECT over input_0, input_1, …", /*required=*/true),
    word("output_format", kOutputFormats, "\"parquet\"", "How the rows are kept"),
};
constexpr std::array kViewConfig = {
    text("sql", "", "A SELECT over input_0, input_1, …", /*required=*/true),
};

constexpr std::array kEvaluateConfig = {
    integer("max_lookback_seconds", 0, "3600", "How old an event may be and still be looked at"),
};
constexpr std::array<std::string_view, 3> kSeverities = {"info", "warning", "critical"};
constexpr std::array kAlertFilters = {
    FilterField{.name = "severity", .type = "string", .values = kSeverities},
    FilterField{.name = "chain_id", .type = "int"},
    FilterField{.name = "alert_definition_id", .type = "string"},
};

constexpr std::array kRouteConfig = {
    text("channel", "", "How it is sent", /*required=*/true),
    text("destination", "", "Name of a configured destination", /*required=*/true),
    ConfigRule{.field = {.name = "max_delivery_age",
                         .type = FieldType::Duration,
                         .meaning = "Older alerts are not sent"},
               .default_json = "\"7d\""},
};

/// Rows of alerts (contract, appendix A.4).
const FixedSchema& alert_schema() {
  static const FixedSchema kAlerts = {.columns = {{"alert_definition_id", "uuid", false},
                                                  {"dedupe_key", "text", false},
                                                  {"event_time", "timestamptz", false},
                                                  {"severity", "text", false},
                                                  {"payload", "jsonb", false},
                                                  {"chain_id", "bigint", true},
                                                  {"block_number", "bigint", true},
                                                  {"block_hash", "text", true},
                                                  {"tx_hash", "text", true}},
                                      .unique = {"dedupe_key"}};
  return kAlerts;
}

OperatorSpec trigger(std::string_view name, SourceKind kind, EmittedScope scope,
                     std::span<const ConfigRule> config) {
  return {.name = name,
          .activation = Activation::Source,
          .source_kind = kind,
          .runtimes = kTriggerRuntimes,
          .scope = scope,
          .config = config,
          .inlined = true,
          .inherits_identity = true};
}

void add_sources(std::vector<OperatorSpec>& all) {
  all.push_back(trigger("trigger_cron", SourceKind::Cron, EmittedScope::OfCursor, {}));
  all.push_back(
      trigger("trigger_webhook", SourceKind::Webhook, EmittedScope::OfCursor, kWebhookConfig));
  all.push_back(trigger("trigger_manual", SourceKind::Manual, EmittedScope::OfCaller, {}));
  all.push_back({.name = "sequence_source",
                 .activation = Activation::Source,
                 .source_kind = SourceKind::AlwaysOn,
                 .runtimes = kPlatform,
                 .scope = EmittedScope::OfCursor,
                 .config = kSequenceConfig});
}

void add_platform_operators(std::vector<OperatorSpec>& all) {
  all.push_back({.name = "noop",
                 .runtimes = kDispatcher,
                 .execution = kEither,
                 .updates = kAny,
                 .scope = EmittedScope::OfTrigger});
  all.push_back({.name = "table_ingest",
                 .runtimes = kPlatform,
                 .execution = kEither,
                 .updates = kAny,
                 .scope = EmittedScope::OfTrigger,
                 .kept_append = place::kDirect,
                 .kept_replace = place::kObjects,
                 .places_append = kOnlyDirect,
                 .places_replace = kObjectsOrDirect,
                 .config = kIngestConfig,
                 .special = ConfigSpecial::TableIngest});
  all.push_back({.name = "range_aggregator",
                 .runtimes = kPlatformOrDispatcher,
                 .execution = kPerUpdate,
                 .updates = kAny,
                 .scope = EmittedScope::OfPartition,
                 .config = kAggregatorConfig,
                 .special = ConfigSpecial::RangeAggregator,
                 .ordered = true,
                 .on_dispatcher = true});
  all.push_back({.name = "range_splitter",
                 .runtimes = kPlatformOrDispatcher,
                 .execution = kPerPartition,
                 .updates = kAny,
                 .scope = EmittedScope::OfPartition,
                 .config = kSplitterConfig,
                 .on_dispatcher = true});
  all.push_back({.name = "parquet_compact",
                 .runtimes = kPlatform,
                 .execution = kPerPartition,
                 .updates = kReplace,
                 .scope = EmittedScope::OfPartition,
                 .kept_append = place::kObjects,
                 .kept_replace = place::kObjects,
                 .places_replace = kOnlyObjects,
                 .config = kCompactConfig});
}

void add_sql_operators(std::vector<OperatorSpec>& all) {
  all.push_back({.name = "query",
                 .runtimes = kPlatform,
                 .execution = kEither,
                 .updates = kReplace,
                 .scope = EmittedScope::OfTrigger,
                 .kept_append = place::kObjects,
                 .kept_replace = place::kObjects,
                 .places_replace = kOnlyObjects,
                 .config = kQueryConfig});
  all.push_back({.name = "sql_view",
                 .runtimes = kDispatcher,
                 .execution = kEither,
                 .updates = kReplace,
                 .scope = EmittedScope::Passed,
                 .kept_append = place::kView,
                 .kept_replace = place::kView,
                 .config = kViewConfig,
                 .is_virtual = true});
}

void add_user_operators(std::vector<OperatorSpec>& all) {
  all.push_back({.name = "udf",
                 .runtimes = kLambda,
                 .execution = kEither,
                 .updates = kAny,
                 .outputs_min = 1,
                 .outputs_max = kOutputsMax,
                 .scope = EmittedScope::Unknown,
                 .needs_udf = true,
                 .kept_append = place::kEvents,
                 .kept_replace = place::kObjects,
                 .places_append = kOnlyBuffered,
                 .places_replace = kOnlyObjects,
                 .must_name_storage = true,
                 .free_config = true});
  all.push_back({.name = "alert_evaluate",
                 .runtimes = kLambda,
                 .execution = kPerUpdate,
                 .updates = kAppend,
                 .scope = EmittedScope::OfCursor,
                 .needs_udf = true,
                 .kept_append = place::kBuffered,
                 .kept_replace = place::kBuffered,
                 .places_append = kOnlyBuffered,
                 .config = kEvaluateConfig,
                 .filterable = kAlertFilters,
                 .fixed_schema = &alert_schema()});
  all.push_back({.name = "alert_route",
                 .runtimes = kPlatform,
                 .execution = kPerUpdate,
                 .updates = kAppend,
                 .scope = EmittedScope::OfCursor,
                 .config = kRouteConfig,
                 .effects = true});
}

}  // namespace

std::span<const OperatorSpec> builtin_operators() {
  static const std::vector<OperatorSpec> kBuiltins = [] {
    std::vector<OperatorSpec> all;
    add_sources(all);
    add_platform_operators(all);
    add_sql_operators(all);
    add_user_operators(all);
    for (OperatorSpec& spec : all) {
      for (const ConfigRule& rule : spec.config) spec.config_fields.push_back(rule.field);
    }
    return all;
  }();
  return kBuiltins;
}

OperatorRegistry::OperatorRegistry() {
  for (const OperatorSpec& spec : builtin_operators()) operators_.emplace(spec.name, &spec);
}

const OperatorSpec* OperatorRegistry::find(std::string_view name) const {
  const auto found = operators_.find(name);
  return found == operators_.end() ? nullptr : found->second;
}

std::vector<std::string_view> OperatorRegistry::names() const {
  std::vector<std::string_view> names;
  names.reserve(operators_.size());
  for (const auto& [name, spec] : operators_) names.push_back(name);
  return names;
}

}  // namespace weir::dispatcher
