// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/draft.h"
#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/tables.h"

namespace weir::dispatcher {
namespace {

std::string quoted(std::string_view text) { return '`' + std::string(text) + '`'; }

/// Reads one job and checks it against its operator (contract sections 2.3 and 2.4).
class JobReader {
 public:
  JobReader(Draft& draft, JobDraft& job) : draft_(draft), errors_(draft.errors), job_(job) {}

  void read() {
    job_.fields = read_fields(job_.at, job_table(), errors_);
    if (!job_.at.is_mapping()) return;
    job_.name = job_.fields["name"].value.is_scalar() ? job_.fields["name"].value.text() : "";
    job_.activation = enum_of<Activation>(kActivations, text("activation"));
    job_.runtime = enum_of<Runtime>(kRuntimes, text("runtime"));
    job_.execution = enum_of<ExecutionStrategy>(kExecutionStrategies, text("execution_strategy"));
    job_.update = enum_of<UpdateStrategy>(kUpdateStrategies, text("update_strategy"));
    find_operator();
    check_outputs();
    read_parts();
    check_activation();
    check_strategies();
    check_unique_key();
    check_udf();
    check_secrets();
    check_timeouts();
    read_config(draft_, job_);
  }

 private:
  const Field& field(std::string_view name) const { return job_.fields[name]; }
  std::string_view text(std::string_view name) const { return job_.fields[name].text(); }

  void at_value(std::string_view name, std::string_view code, std::string detail,
                std::string hint = {}) {
    errors_.at_value(field(name).value, code, {std::move(detail), std::move(hint)});
  }

  void at_key(std::string_view name, std::string_view code, std::string detail) {
    errors_.at_key(field(name).value, code, {.detail = std::move(detail)});
  }

  void miss(std::string_view name, std::string detail) {
    if (field(name).there()) return;
    errors_.missing_from(job_.at, name, code::kMissingField, std::move(detail));
  }

  void refuse_if_there(std::string_view name, std::string_view why) {
    if (!field(name).there()) return;
    at_key(name, code::kNotApplicable, quoted(name) + " has no meaning " + std::string(why));
  }

  void find_operator() {
    const std::string_view name = text("operator");
    if (!field("operator").good) return;
    const OperatorRegistry& operators = draft_.context.operators;
    job_.operation = operators.find(name);
    if (job_.operation == nullptr) {
      at_value("operator", code::kUnknownOperator, "there is no operator " + shown(name),
               errors_.wants_hints() ? nearest_of(name, operators.names()) : std::string());
      return;
    }
    const Engines* engines = draft_.context.engines;
    if (engines != nullptr && !engines->operators.contains(name)) {
      at_value("operator", code::kNotAvailable, "this installation cannot run " + quoted(name));
    }
    if (job_.activation && *job_.activation != job_.operation->activation) {
      at_value("activation", code::kOperatorActivation,
               quoted(name) + " is a " +
                   std::string(word_of(kActivations, job_.operation->activation)) + " operator");
    }
    check_runtime();
  }

  void check_runtime() {
    if (!job_.runtime || job_.operation->runtimes.has(*job_.runtime)) return;
    // A udf block beside another runtime than lambda is told by check_udf.
    if (field("udf").there() && job_.operation->needs_udf) return;
    std::string legal;
    for (std::size_t i = 0; i < kRuntimes.size(); ++i) {
      if (!job_.operation->runtimes.has(static_cast<Runtime>(i))) continue;
      legal += (legal.empty() ? "" : " or ") + quoted(kRuntimes[i]);
    }
    at_value("runtime", code::kOperatorRuntime, quoted(job_.operation->name) + " runs on " + legal);
  }

  void check_outputs() {
    if (!field("outputs").good) return;
    const std::int64_t outputs = field("outputs").integer;
    const OperatorSpec* operation = job_.operation;
    if (operation != nullptr &&
        (outputs < operation->outputs_min || outputs > operation->outputs_max)) {
      std::string range = std::to_string(operation->outputs_min);
      if (operation->outputs_max != operation->outputs_min) {
        range += " to " + std::to_string(operation->outputs_max);
      }
      at_value("outputs", code::kOperatorOutputs,
               quoted(operation->name) + " has " + range + (range == "1" ? " output" : " outputs"));
      if (operation->outputs_max == operation->outputs_min) job_.outputs = operation->outputs_max;
      return;
    }
    job_.outputs = outputs;
  }

  /// Whether a field may stand on this job at all; what stands in it is not looked at otherwise.
  bool belongs(std::string_view name) const {
    const OperatorSpec* operation = job_.operation;
    if (name == "udf") return operation == nullptr || operation->needs_udf;
    if (!job_.activation) return true;
    if (operation != nullptr && operation->activation != *job_.activation) return true;
    if (name == "inputs") return *job_.activation == Activation::Reactive;
    if (name == "source" || name == "bootstrap") return *job_.activation == Activation::Source;
    return true;
  }

  /// The mappings inside a job.
  void read_parts() {
    const auto part = [&](std::string_view name, const FieldTable& table) {
      return field(name).good && belongs(name) ? read_fields(field(name).value, table, errors_)
                                               : FieldSet();
    };
    job_.source = part("source", source_table());
    job_.bootstrap = part("bootstrap", bootstrap_table());
    job_.udf = part("udf", udf_table());
    job_.scaling = part("scaling", scaling_table());
    if (field("source").good && belongs("source")) read_source();
    if (field("inputs").value.is_sequence() && belongs("inputs")) {
      for (const YamlValue item : field("inputs").value) read_input(item);
    }
  }

  void read_input(YamlValue item) {
    InputDraft& input = job_.inputs.emplace_back();
    input.at = item;
    input.fields = read_fields(item, input_table(), errors_);
    if (input.fields["from"].good) {
      input.from = read_origin(input.fields["from"].value, /*datasets=*/true, errors_);
    }
  }

  void read_source() {
    const FieldSet& source = job_.source;
    job_.source_kind = enum_of<SourceKind>(kSourceKinds, source["kind"].text());
    if (!job_.source_kind) return;
    const OperatorSpec* operation = job_.operation;
    if (operation != nullptr && operation->is_source() &&
        operation->source_kind != *job_.source_kind) {
      errors_.at_value(source["kind"].value, code::kOperatorActivation,
                       {.detail = quoted(operation->name) + " is started by " +
                                  quoted(word_of(kSourceKinds, operation->source_kind)),
                        .hint = std::string(word_of(kSourceKinds, operation->source_kind))});
    }
    expect_with_kind("schedule", SourceKind::Cron);
    expect_with_kind("webhook_path", SourceKind::Webhook);
    if (*job_.source_kind == SourceKind::Cron && source["schedule"].good) check_schedule();
  }

  /// A key that belongs to one kind of source: needed there, out of place elsewhere.
  void expect_with_kind(std::string_view key, SourceKind kind) {
    const Field& there = job_.source[key];
    if (*job_.source_kind == kind) {
      if (there.there()) return;
      errors_.missing_from(
          job_.source.mapping(), key, code::kMissingField,
          "a " + std::string(word_of(kSourceKinds, kind)) + " source needs " + quoted(key));
    } else if (there.there()) {
      errors_.at_key(there.value, code::kNotApplicable,
                     {.detail = quoted(key) + " belongs to sources of kind " +
                                quoted(word_of(kSourceKinds, kind))});
    }
  }

  void check_schedule() {
    const YamlValue written = job_.source["schedule"].value;
    const Result<Schedule> schedule = parse_schedule(written.text());
    if (!schedule.ok()) {
      errors_.at_value(written, code::kSchedule, {.detail = schedule.error().message()});
      return;
    }
    const std::chrono::sys_days today = std::chrono::floor<std::chrono::days>(draft_.context.now);
    const std::chrono::year_month_day date(today);
    const Instant horizon =
        draft_.context.now +
        (std::chrono::sys_days((date.year() + std::chrono::years(kScheduleYearsMax)) /
                               date.month() / std::min(date.day(), std::chrono::day(28))) -
         today) +
        std::chrono::days(3);
    const std::optional<Instant> due = next_due(*schedule, draft_.context.now, draft_.context.now);
    if (due && *due <= horizon) return;
    errors_.at_value(
        written, code::kSchedule,
        {.detail = "is not due in the next " + std::to_string(kScheduleYearsMax) + " years"});
  }

  /// What a source needs and a reactive job must not have, and the other way round. Where the
  /// operator says otherwise than the job, either may be meant.
  void check_activation() {
    const OperatorSpec* operation = job_.operation;
    if (!job_.activation) return;
    if (operation != nullptr && operation->activation != *job_.activation) return;
    if (*job_.activation == Activation::Source) {
      miss("source", "a source job needs `source`");
      refuse_if_there("inputs", "on a source job");
      refuse_if_there("execution_strategy", "on a source job");
      return;
    }
    miss("inputs", "a reactive job needs `inputs`");
    refuse_if_there("source", "on a reactive job");
    refuse_if_there("bootstrap", "on a reactive job; it is the sources' that begin anew");
    if (operation != nullptr && operation->is_virtual) return;
    miss("execution_strategy", "a reactive job needs `execution_strategy`");
    miss("update_strategy", "a reactive job needs `update_strategy`");
  }

  void check_strategies() {
    const OperatorSpec* operation = job_.operation;
    if (operation == nullptr) return;
    // On a source the field itself is out of place, and told so.
    if (job_.execution && !operation->is_source() && !operation->execution.has(*job_.execution)) {
      at_value("execution_strategy", code::kStrategyMismatch,
               quoted(operation->name) + " does not work " +
                   std::string(word_of(kExecutionStrategies, *job_.execution)));
      job_.execution.reset();
    }
    if (job_.update && !operation->updates.has(*job_.update)) {
      at_value("update_strategy", code::kStrategyMismatch,
               quoted(operation->name) + " does not " +
                   std::string(word_of(kUpdateStrategies, *job_.update)));
      job_.update.reset();
    }
  }

  void check_unique_key() {
    if (field("update_strategy").bad()) return;
    if (job_.update == UpdateStrategy::Append) {
      return miss("unique_key", "`append` needs `unique_key`: a retry must not add a row twice");
    }
    // Where the strategy is missing, that is the fault.
    const bool optional = job_.activation == Activation::Source ||
                          (job_.operation != nullptr && job_.operation->is_virtual);
    if (!job_.update && !optional) return;
    refuse_if_there("unique_key", "without `update_strategy: append`");
  }

  void check_udf() {
    const OperatorSpec* operation = job_.operation;
    const bool there = field("udf").there();
    if (operation == nullptr) return;
    if (!there) {
      if (!operation->needs_udf) return;
      errors_.missing_from(job_.at, "udf", code::kUdfRequired,
                           quoted(operation->name) + " runs a bundle: name it in `udf`");
      return;
    }
    if (!operation->needs_udf) {
      return at_key("udf", code::kUdfForbidden, quoted(operation->name) + " runs no bundle");
    }
    if (job_.runtime && *job_.runtime != Runtime::Lambda) {
      at_value("runtime", code::kUdfRuntime, "bundles run on `lambda` only", "lambda");
    }
    if (field("udf").good) check_bundle();
  }

  void check_bundle() {
    const KnownNames* known = draft_.context.known;
    const Field& bundle = job_.udf["bundle_id"];
    const Field& entrypoint = job_.udf["entrypoint"];
    std::optional<BundleLanguage> language;
    if (known != nullptr && bundle.good) {
      const auto found = known->bundles.find(bundle.text());
      if (found == known->bundles.end()) {
        errors_.at_value(bundle.value, code::kUnknownBundle,
                         {.detail = "there is no bundle " + shown(bundle.text())});
        return;
      }
      language = found->second.language;
    }
    if (language == BundleLanguage::Rust) return;
    if (entrypoint.good && !kEntrypointPattern.matches(entrypoint.text())) {
      errors_.at_value(entrypoint.value, code::kPattern,
                       {.detail = shown(entrypoint.text()) + " does not match " +
                                  std::string(kEntrypointPattern.regex)});
    }
    if (entrypoint.there()) return;
    if (language) {
      errors_.missing_from(
          job_.udf.mapping(), "entrypoint", code::kMissingField,
          "a " + std::string(word_of(kBundleLanguages, *language)) + " bundle needs `entrypoint`");
    } else if (known == nullptr) {
      draft_.warnings.missing_from(job_.udf.mapping(), "entrypoint", code::kEntrypointUnknown,
                                   "needed unless the bundle is rust, which is not known here");
    }
  }

  void check_secrets() {
    if (field("secrets").value.size() == 0) return;  // an empty list asks for none
    if (field("udf").there()) {
      at_key("secrets", code::kSecretsUdf, "user code is given no secrets");
    } else if (job_.runtime && *job_.runtime != Runtime::EcsPlatform) {
      at_key("secrets", code::kSecretsRuntime, "secrets are given on `ecs_platform` only");
    }
  }

  bool always_on() const { return job_.source_kind == SourceKind::AlwaysOn; }

  void check_timeouts() {
    if (always_on()) {
      return refuse_if_there("timeout_seconds", "on an always_on source, which has no end");
    }
    if (!job_.runtime) return;
    const std::int64_t most = timeout_max_seconds(*job_.runtime);
    const Field& timeout = draft_.tuning(job_, "timeout_seconds");
    const bool own = field("timeout_seconds").there();
    if (timeout.good && timeout.integer > most) {
      const std::string limit = "on " + quoted(word_of(kRuntimes, *job_.runtime)) +
                                " an attempt has at most " + std::to_string(most) + " seconds";
      if (own) return at_value("timeout_seconds", code::kRange, limit);
      return at_value(
          "name", code::kRange,
          "`defaults.timeout_seconds` is " + std::to_string(timeout.integer) + "; " + limit);
    }
    const Field& heartbeat = draft_.tuning(job_, "heartbeat_timeout_seconds");
    const std::int64_t seconds =
        timeout.good ? timeout.integer : timeout_default_seconds(*job_.runtime);
    if (timeout.bad() || !heartbeat.good || heartbeat.integer <= seconds) return;
    const Field& place = field("heartbeat_timeout_seconds").there()
                             ? field("heartbeat_timeout_seconds")
                             : field(own ? "timeout_seconds" : "name");
    draft_.warnings.at_value(place.value, code::kHeartbeatGtTimeout,
                             {.detail = "the lease lasts " + std::to_string(heartbeat.integer) +
                                        " seconds, the attempt only " + std::to_string(seconds)});
  }

  Draft& draft_;
  FaultList& errors_;
  JobDraft& job_;
};

void enter_name(Draft& draft, std::size_t index) {
  const JobDraft& job = draft.jobs[index];
  const Field& name = job.fields["name"];
  if (job.name.empty()) {
    draft.unnamed_job = true;
    return;
  }
  if (!draft.job_by_name.emplace(job.name, index).second) {
    draft.errors.at_value(name.value, code::kDuplicateJob,
                          {.detail = "there is a job " + shown(job.name) + " before"});
  }
}

}  // namespace

void read_jobs(Draft& draft) {
  const YamlValue jobs = draft.document["jobs"].value;
  if (!jobs.is_sequence() || !draft.document["jobs"].good) return;
  draft.jobs.reserve(jobs.size());
  for (const YamlValue item : jobs) {
    JobDraft& job = draft.jobs.emplace_back();
    job.at = item;
    JobReader(draft, job).read();
    enter_name(draft, draft.jobs.size() - 1);
  }
}

}  // namespace weir::dispatcher
