// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "base/canonical_json.h"
#include "dispatcher/dagfile/draft.h"
#include "dispatcher/dagfile/identity.h"
#include "dispatcher/dagfile/normalise.h"

namespace weir::dispatcher {
namespace {

std::vector<std::string> texts_of(YamlValue list) {
  std::vector<std::string> texts;
  for (const YamlValue item : list) texts.emplace_back(item.text());
  return texts;
}

/// Makes jobs of drafts that have no faults, so that every field is what its rule asks for.
class JobBuilder {
 public:
  JobBuilder(const Draft& draft, const JobDraft& from) : draft_(draft), from_(from) {}

  DagJob build() {
    DagJob job;
    job.name = from_.name;
    job.operation = from_.operation;
    job.activation = *from_.activation;
    job.runtime = *from_.runtime;
    job.execution = from_.execution;
    job.update = from_.update;
    job.unique_key = texts_of(from_.fields["unique_key"].value);
    job.secrets = texts_of(from_.fields["secrets"].value);
    std::ranges::sort(job.secrets);
    job.reset_outputs = from_.bootstrap["reset_outputs"].boolean;
    for (const InputDraft& input : from_.inputs) job.inputs.push_back(input_of(input));
    for (std::int64_t i = 0; i < *from_.outputs; ++i) job.outputs.push_back(kept_output());
    if (from_.source_kind) job.source = source_of();
    if (from_.fields["udf"].there()) {
      job.udf = DagUdf{.bundle = BundleId(from_.udf["bundle_id"].text()),
                       .entrypoint = std::string(from_.udf["entrypoint"].text())};
    }
    if (const Field& most = from_.scaling["max_concurrency"]; most.there()) {
      job.max_concurrency = most.integer;
    }
    job.tuning = tuning_of();
    job.config_json = config_of(/*identity=*/false);
    job.identity_json = config_of(/*identity=*/true);
    for (const YamlValue column : from_.fields["config"].value.find("columns")) {
      job.column_order.emplace_back(column.key());
    }
    return job;
  }

 private:
  static DagInput input_of(const InputDraft& from) {
    DagInput input;
    input.job = from.from.job;
    input.output = from.from.output;
    if (from.from.by_dataset) input.dataset = DatasetId(from.from.fields["dataset"].text());
    if (from.fields["where"].there()) input.where_json = where_json(from.fields["where"].value);
    return input;
  }

  /// An output that is not published: as its operator keeps it.
  DagOutput kept_output() const {
    DagOutput output;
    output.place = from_.operation->kept(from_.update);
    if (const FixedSchema* fixed = from_.operation->fixed_schema; fixed != nullptr) {
      output.schema = TableSchema{.columns = fixed->columns, .unique = fixed->unique};
    }
    return output;
  }

  DagSource source_of() const {
    DagSource source;
    source.kind = *from_.source_kind;
    if (const Field& schedule = from_.source["schedule"]; schedule.there()) {
      source.schedule_text = normalised_schedule(schedule.text());
      if (Result<Schedule> read = parse_schedule(schedule.text()); read.ok()) {
        source.schedule = *std::move(read);
      }
    }
    source.webhook_path = from_.source["webhook_path"].text();
    return source;
  }

  JobTuning tuning_of() const {
    JobTuning tuning;
    const auto take = [&](std::string_view name, std::int64_t& into) {
      if (const Field& field = draft_.tuning(from_, name); field.there()) into = field.integer;
    };
    take("heartbeat_timeout_seconds", tuning.heartbeat_timeout_seconds);
    take("max_attempts", tuning.max_attempts);
    take("max_queue_depth", tuning.max_queue_depth);
    take("max_queue_age", tuning.max_queue_age_ms);
    const std::string_view priority = draft_.tuning(from_, "priority").text();
    tuning.priority = enum_of<Priority>(kPriorities, priority).value_or(tuning.priority);
    const std::string_view mode = draft_.tuning(from_, "backpressure_mode").text();
    tuning.backpressure_mode =
        enum_of<BackpressureMode>(kBackpressureModes, mode).value_or(tuning.backpressure_mode);
    if (from_.source_kind != SourceKind::AlwaysOn) {
      tuning.timeout_seconds = timeout_default_seconds(*from_.runtime);
      take("timeout_seconds", *tuning.timeout_seconds);
    }
    return tuning;
  }

  std::string config_of(bool identity) const {
    JsonText out;
    if (from_.operation->free_config) {
      const YamlValue written = from_.fields["config"].value;
      std::string json = "{}";
      if (!written.missing()) append_free_json(json = "", written);
      return out.raw(json).canonical();
    }
    out.open('{');
    for (const ConfigRule& rule : from_.operation->config) {
      if (identity && rule.execution_only) continue;
      const Field& field = from_.config[rule.field.name];
      if (field.there()) {
        std::string json;
        append_free_json(json, field.value);
        out.key(rule.field.name).raw(json);
      } else if (!rule.default_json.empty()) {
        out.key(rule.field.name).raw(rule.default_json);
      }
    }
    if (const auto order = deciding_order(from_); !order.empty())
      out.key(kColumnsOrder).texts(order);
    return out.close('}').canonical();
  }

  const Draft& draft_;
  const JobDraft& from_;
};

/// A check with everything filled in.
void add_check(JsonText& out, const CheckDraft& check) {
  const FieldSet& fields = check.fields;
  const auto number = [&](std::string_view name, std::string_view fallback) {
    const Field& field = fields[name];
    out.key(name).raw(field.there() ? field.value.text() : fallback);
  };
  const std::string_view kind = fields["kind"].text();
  out.open('{').key("kind").text(kind).key("name").text(check.name);
  out.key("on_fail").text(fields["on_fail"].there() ? fields["on_fail"].text() : "block");
  if (kind == "row_count") {
    number("max_drift", "0.1");
    number("min_rows", "0");
  }
  if (fields["column"].there()) out.key("column").text(fields["column"].text());
  if (fields["max"].there()) number("max", "");
  if (fields["max_lag"].there()) out.key("max_lag").integer(fields["max_lag"].integer);
  if (fields["sql"].there()) out.key("sql").text(fields["sql"].text());
  out.close('}');
}

void publish_output(DagFile& file, const PublishDraft& entry) {
  DagOutput& output =
      file.jobs.at(*entry.from.job).outputs.at(static_cast<std::size_t>(entry.from.output));
  output.dataset = DatasetId(entry.at.key());
  output.place = *entry.place;
  if (entry.table) output.schema = entry.table;
  if (entry.checks.empty()) return;
  JsonText checks;
  checks.open('[');
  for (const CheckDraft& check : entry.checks) add_check(checks, check);
  output.checks_json = checks.close(']').canonical();
}

}  // namespace

DagFile make_dag_file(const Draft& draft) {
  DagFile file;
  file.name = draft.document["name"].text();
  file.jobs.reserve(draft.jobs.size());
  for (const JobDraft& job : draft.jobs) file.jobs.push_back(JobBuilder(draft, job).build());
  for (const PublishDraft& entry : draft.publish) publish_output(file, entry);
  file.order = draft.order;
  file.normalised = normalised_document(draft);
  file.yaml_hash = yaml_hash(file.normalised);
  file.registry_hash = registry_hash(file.jobs);
  return file;
}

}  // namespace weir::dispatcher
