// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/deploy/definition.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/canonical_json.h"
#include "dispatcher/core/derived_ids.h"
#include "dispatcher/dagfile/normalise.h"

namespace weir::dispatcher {
namespace {

void add_optional_number(JsonText& out, std::string_view key,
                         const std::optional<std::int64_t>& value) {
  out.key(key);
  value ? out.integer(*value) : out.null();
}

void add_tuning(JsonText& out, const DagJob& job) {
  const JobTuning& tuning = job.tuning;
  out.key("tuning").open('{');
  out.key("backpressure_mode").text(word_of(kBackpressureModes, tuning.backpressure_mode));
  out.key("heartbeat_timeout_seconds").integer(tuning.heartbeat_timeout_seconds);
  out.key("max_attempts").integer(tuning.max_attempts);
  add_optional_number(out, "max_concurrency", job.max_concurrency);
  out.key("max_queue_age_ms").integer(tuning.max_queue_age_ms);
  out.key("max_queue_depth").integer(tuning.max_queue_depth);
  out.key("priority").text(word_of(kPriorities, tuning.priority));
  add_optional_number(out, "timeout_seconds", tuning.timeout_seconds);
  out.close('}');
}

void add_source(JsonText& out, const DagJob& job) {
  out.key("source");
  if (!job.source) {
    out.null();
    return;
  }
  out.open('{').key("kind").text(word_of(kSourceKinds, job.source->kind));
  if (job.source->schedule) out.key("schedule").text(job.source->schedule_text);
  if (!job.source->webhook_path.empty()) out.key("webhook_path").text(job.source->webhook_path);
  out.close('}');
}

void add_udf(JsonText& out, const DagJob& job, const KnownBundle* bundle) {
  out.key("udf");
  if (!job.udf) {
    out.null();
    return;
  }
  WEIR_ASSERT(bundle != nullptr);
  out.open('{').key("bundle_id").text(job.udf->bundle.view()).key("entrypoint");
  job.udf->entrypoint.empty() ? out.null() : out.text(job.udf->entrypoint);
  out.key("language").text(word_of(kBundleLanguages, bundle->language));
  out.key("sha256").text(bundle->sha256).close('}');
}

/// In the order of the file.
std::optional<std::vector<Column>> columns_of_config(const DagJob& job) {
  const JsonDocument config = parse_written(job.config_json);
  const JsonValue list = config.root().find("columns");
  if (!list.is_object() || list.size() == 0) return {};
  std::vector<Column> columns;
  for (const JsonValue item : list) {
    Column column{.name = std::string(item.key()), .type = {}, .nullable = false};
    column.type = item.is_text() ? item.text() : item.find("type").text();
    const JsonValue nullable = item.find("nullable");
    column.nullable = nullable.is_bool() && nullable.kind() == JsonKind::True;
    if (enum_of<std::size_t>(kColumnTypes, column.type) == std::nullopt) return {};
    columns.push_back(std::move(column));
  }
  std::ranges::sort(columns, {}, [&](const Column& column) {
    return std::ranges::find(job.column_order, column.name) - job.column_order.begin();
  });
  return columns;
}

}  // namespace

NormalisedJobs::NormalisedJobs(const DagFile& file) : document_(parse_written(file.normalised)) {
  for (const JsonValue job : document_.root().find("jobs")) {
    jobs_.emplace(job.find("name").text(), job);
  }
}

std::string definition_json(const DagJob& job, const DefinitionParts& parts) {
  const OperatorSpec& operation = *job.operation;
  JsonText out;
  out.open('{');
  for (const JsonValue member : parts.normalised) {
    const std::string_view key = member.key();
    if (key == "config" || key == "source" || key == "udf") continue;
    out.key(key).raw(base::canonical_json(member));
  }
  out.key("config").raw(job.config_json);
  out.key("core").raw(parts.core_json).key("inline").boolean(operation.inlined);
  out.key("node").raw(parts.node_json).key("on_dispatcher").boolean(operation.on_dispatcher);
  out.key("operator_version").text(operation.version).key("ordered").boolean(operation.ordered);
  add_source(out, job);
  add_tuning(out, job);
  add_udf(out, job, parts.bundle);
  return out.close('}').written();
}

std::optional<std::vector<Column>> columns_of(const DagJob& job, const DagOutput& output) {
  if (output.schema) return output.schema->columns;
  if (output.place.storage == Storage::Events || output.place.storage == Storage::Virtual) {
    return {};
  }
  if (job.operation->fixed_schema != nullptr) return job.operation->fixed_schema->columns;
  return columns_of_config(job);
}

std::string columns_json(const std::vector<Column>& columns) {
  JsonText out;
  out.open('[');
  for (const Column& column : columns) {
    out.open('{').key("name").text(column.name).key("nullable").boolean(column.nullable);
    out.key("type").text(column.type).close('}');
  }
  return out.close(']').written();
}

std::vector<std::string> unique_of(const DagJob& job, const DagOutput& output) {
  return output.schema ? output.schema->unique : job.unique_key;
}

std::string indexes_json(const DagOutput& output) {
  JsonText out;
  out.open('[');
  if (output.schema) {
    for (const auto& columns : output.schema->indexes) out.texts(columns);
  }
  return out.close(']').written();
}

std::string schema_json(const DagJob& job, const DagOutput& output) {
  const auto columns = columns_of(job, output);
  if (!columns) return {};
  JsonText out;
  out.open('{').key("columns").raw(columns_json(*columns));
  out.key("indexes").raw(indexes_json(output));
  out.key("unique").texts(unique_of(job, output));
  return out.close('}').written();
}

std::string storage_json(const StoragePlace& place) {
  JsonText out;
  out.open('{').key("storage").text(word_of(kStorages, place.storage));
  if (place.write_mode) out.key("write_mode").text(word_of(kWriteModes, *place.write_mode));
  return out.close('}').written();
}

DatasetKind kind_of(const StoragePlace& place) {
  switch (place.storage) {
    case Storage::Postgres:
      return DatasetKind::Table;
    case Storage::ObjectStore:
      return DatasetKind::Parquet;
    case Storage::Virtual:
      return DatasetKind::Virtual;
    case Storage::Events:
      return DatasetKind::Events;
  }
  return DatasetKind::Events;
}

std::string filterable_json(const DagJob& job, const DagOutput& output) {
  std::map<std::string_view, std::string_view> filters;
  for (const FilterField& field : job.operation->filterable) filters[field.name] = field.type;
  const bool buffered = output.place.write_mode == WriteMode::Buffered;
  if (buffered && output.schema) {
    const TableSchema& table = *output.schema;
    const auto add = [&](const std::string& name) {
      for (const Column& column : table.columns) {
        if (column.name == name) filters.emplace(column.name, column.type);
      }
    };
    for (const std::string& name : table.unique) add(name);
    for (const auto& index : table.indexes) {
      for (const std::string& name : index) add(name);
    }
  }
  JsonText out;
  out.open('{');
  for (const auto& [name, type] : filters) out.key(name).text(type);
  return out.close('}').written();
}

QueueName queue_of(const DagJob& job) {
  QueueName queue;
  const OperatorSpec& operation = *job.operation;
  if (operation.inlined || operation.on_dispatcher || job.runtime == Runtime::Dispatcher) {
    queue.runtime = QueueRuntime::Dispatcher;
  } else {
    queue.runtime =
        job.runtime == Runtime::Lambda ? QueueRuntime::Lambda : QueueRuntime::EcsPlatform;
  }
  switch (job.tuning.priority) {
    case Priority::Low:
      queue.level = QueueLevel::Low;
      break;
    case Priority::Normal:
      queue.level = QueueLevel::Normal;
      break;
    case Priority::High:
      queue.level = QueueLevel::High;
      break;
  }
  return queue;
}

DatasetVersionId version_id(const DatasetUuid& dataset, std::string_view node_id, int generation) {
  static const Uuid kNamespace = namespace_of("dataset_version");
  return DatasetVersionId(base::uuid_v5(
      kNamespace, dataset.text() + ':' + std::string(node_id) + ':' + std::to_string(generation)));
}

}  // namespace weir::dispatcher
