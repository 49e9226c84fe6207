// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/deploy/deploy_writes.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"
#include "dispatcher/core/derived_ids.h"
#include "dispatcher/core/source_run.h"
#include "dispatcher/dagfile/normalise.h"
#include "dispatcher/deploy/definition.h"

namespace weir::dispatcher {
namespace {

Error no_switch() {
  return base::failed_precondition(
      "switch_not_available",
      "this DAG is active, and this release cannot switch it to another version; store the version "
      "with activate=none");
}

int next_generation(const DagStanding& standing, const std::string& job, const JobNodeId& node) {
  const auto highest = standing.generations.find({job, node.text()});
  return highest == standing.generations.end() ? 1 : highest->second + 1;
}

DatasetUuid dataset_of(const DagName& dag, const DagJob& job, std::size_t output) {
  return dataset_uuid({.org = dag.org_id, .dag_name = dag.dag_name, .job_name = job.name},
                      static_cast<int>(output));
}

/// The builds that an open deploy made, and that nothing but it needs.
std::vector<BuildId> candidates_of(const DagStanding& standing) {
  std::vector<BuildId> candidates;
  const std::vector<BuildId>& open = standing.open_deploy->builds;
  for (const StandingBuild& build : standing.builds) {
    const bool candidate = build.dispatch == Dispatch::Building &&
                           std::ranges::find(open, build.build_id) != open.end();
    if (candidate) candidates.push_back(build.build_id);
  }
  return candidates;
}

/// A deploy has come into a state.
ControlEvent changed(const DeployId& deploy, std::string_view state) {
  JsonText data;
  data.open('{').key("state").text(state);
  return {.deploy = deploy,
          .type = "deploy_changed",
          .instance = std::string(state),
          .data_json = data.close('}').written()};
}

class Writer {
 public:
  explicit Writer(const WriteInput& input)
      : in_(input), normalised_(input.file), builds_(input.file.jobs.size()) {}

  Result<DeployWrites> make() && {
    if (is_current()) {
      name_version();
      return std::move(out_);
    }
    if (in_.activate == Activate::None) {
      write_version();
      if (out_.new_version) tell("dag_stored");
      return std::move(out_);
    }
    WEIR_CHECK(check_switch());
    write_version();
    for (std::size_t i = 0; i < in_.file.jobs.size(); ++i) choose_build(i);
    write_builds();
    write_pointers();
    end_open_deploy();
    if (resumes_ && in_.activate == Activate::Manual) {
      // It waits already, and shall go on waiting.
      out_ = {};
      name_version();
      return std::move(out_);
    }
    write_deploy();
    if (in_.activate == Activate::Auto) write_cutover();
    return std::move(out_);
  }

 private:
  bool is_current() const {
    const auto& current = in_.standing.current;
    return current && current->version && in_.standing.same &&
           *current->version == in_.standing.same->id;
  }

  std::int64_t generation() const {
    return in_.standing.current ? in_.standing.current->generation : 0;
  }

  /// So far nothing may leave, and nothing that stood may come back.
  Result<void> check_switch() const {
    if (in_.expect_generation && *in_.expect_generation != generation()) {
      return base::failed_precondition("generation_mismatch",
                                       "the DAG is at generation " + std::to_string(generation()));
    }
    if (in_.standing.current && in_.standing.current->version) return no_switch();
    for (const JobStep& step : in_.plan.steps) {
      const bool waits = step.build != nullptr && step.build->dispatch == Dispatch::Building;
      if (step.action != PlanAction::Build && !waits) return no_switch();
    }
    return {};
  }

  template <class Id>
  Id draw() const {
    return Id(base::uuid_v7(in_.standing.now, in_.random));
  }

  void name_version() {
    out_.version = in_.standing.same->id;
    out_.version_no = in_.standing.same->version_no;
  }

  void write_version() {
    if (in_.standing.same) return name_version();
    out_.new_version = true;
    out_.version = draw<DagVersionId>();
    out_.version_no = in_.standing.version_no_max + 1;
    out_.registry_hash = in_.file.registry_hash.text();
    for (std::size_t i = 0; i < in_.file.jobs.size(); ++i) {
      const JobStep& step = in_.plan.steps[i];
      NewJob job{.job = i, .core_id = step.core.text(), .node_id = step.node.text()};
      if (const KnownBundle* bundle = bundle_of(in_.file.jobs[i])) job.udf_sha256 = bundle->sha256;
      out_.jobs.push_back(std::move(job));
    }
  }

  const KnownBundle* bundle_of(const DagJob& job) const {
    if (!job.udf) return nullptr;
    const auto found = in_.bundles.find(job.udf->bundle.view());
    WEIR_ASSERT(found != in_.bundles.end());
    return &found->second;
  }

  void choose_build(std::size_t index) {
    const JobStep& step = in_.plan.steps[index];
    builds_[index] = step.build != nullptr ? step.build->build_id : draw<BuildId>();
  }

  DatasetVersionId version_of(std::size_t index, std::size_t output) const {
    const DagJob& job = in_.file.jobs[index];
    const JobStep& step = in_.plan.steps[index];
    if (step.build != nullptr) {
      const auto found =
          std::ranges::find(step.build->outputs, static_cast<int>(output), &StandingOutput::output);
      WEIR_ASSERT(found != step.build->outputs.end());
      return found->version;
    }
    return version_id(dataset_of(in_.dag, job, output), step.node.view(),
                      next_generation(in_.standing, job.name, step.node));
  }

  NewSubscription subscription(std::size_t index, std::size_t input) const {
    NewSubscription made{.index = static_cast<int>(input), .version = {}};
    const PlannedInput& from = in_.plan.steps[index].inputs[input];
    if (const auto* of = std::get_if<NewVersionOf>(&from)) {
      made.version = version_of(of->job, static_cast<std::size_t>(of->output));
      return made;
    }
    made.version = std::get<DatasetVersionId>(from);
    const DagInput& edge = in_.file.jobs[index].inputs[input];
    if (edge.job) {
      const auto& outputs = in_.plan.steps[*edge.job].build->outputs;
      const auto found = std::ranges::find(outputs, made.version, &StandingOutput::version);
      made.backfill_to_seq = found->last_seq;
    } else {
      made.backfill_to_seq = in_.standing.foreign.at(edge.dataset.text()).last_seq;
    }
    return made;
  }

  /// Effective node ids by the file's order, as node_json wants them.
  std::vector<JobNodeId> effective_nodes() const {
    std::vector<JobNodeId> nodes;
    nodes.reserve(in_.plan.steps.size());
    for (const JobStep& step : in_.plan.steps) nodes.push_back(step.node);
    return nodes;
  }

  void write_builds() {
    const std::vector<JobNodeId> nodes = effective_nodes();
    for (std::size_t i = 0; i < in_.file.jobs.size(); ++i) {
      const DagJob& job = in_.file.jobs[i];
      const JobStep& step = in_.plan.steps[i];
      if (step.action != PlanAction::Build) continue;
      NewBuild build{.build_id = builds_[i],
                     .job = i,
                     .core_id = step.core.text(),
                     .node_id = step.node.text(),
                     .generation = next_generation(in_.standing, job.name, step.node),
                     .definition_json = {},
                     .outputs = {},
                     .inputs = {}};
      const KnownBundle* bundle = bundle_of(job);
      build.definition_json = definition_json(job, {.normalised = normalised_.of(job),
                                                    .core_json = core_json(job, bundle),
                                                    .node_json = node_json(job, step.core, nodes),
                                                    .bundle = bundle});
      for (std::size_t o = 0; o < job.outputs.size(); ++o) {
        const DagOutput& output = job.outputs[o];
        build.outputs.push_back({.output = static_cast<int>(o),
                                 .dataset = dataset_of(in_.dag, job, o),
                                 .version = version_of(i, o),
                                 .kind = kind_of(output.place),
                                 .storage_json = storage_json(output.place),
                                 .schema_json = schema_json(job, output)});
      }
      for (std::size_t n = 0; n < job.inputs.size(); ++n)
        build.inputs.push_back(subscription(i, n));
      if (job.source) build.source_kind = word_of(kSourceKinds, job.source->kind);
      out_.builds.push_back(std::move(build));
    }
  }

  void write_pointers() {
    NewPointerSet set;
    std::map<std::string, BuildId> map;
    for (std::size_t i = 0; i < in_.file.jobs.size(); ++i) {
      const DagJob& job = in_.file.jobs[i];
      set.builds.emplace_back(job.name, builds_[i]);
      map.emplace(job.name, builds_[i]);
      for (std::size_t o = 0; o < job.outputs.size(); ++o) {
        NewPointer pointer{.dataset = dataset_of(in_.dag, job, o), .version = version_of(i, o)};
        if (const auto& name = job.outputs[o].dataset) {
          pointer.dataset_id = name->text();
          pointer.filterable_json = filterable_json(job, job.outputs[o]);
        }
        set.datasets.push_back(std::move(pointer));
      }
    }
    for (const StandingPointers& known : in_.standing.same_pointers) {
      set.set_no = std::max(set.set_no, known.set_no + 1);
    }
    set.id = draw<PointerSetId>();
    for (const StandingPointers& known : in_.standing.same_pointers) {
      if (known.builds != map) continue;
      set.exists = true;
      set.id = known.id;
      set.set_no = known.set_no;
    }
    out_.pointers = std::move(set);
  }

  /// A deploy that waits for the very same goes on; any other is superseded, and of its candidates
  /// stop those that nobody took over.
  void end_open_deploy() {
    const auto& open = in_.standing.open_deploy;
    if (!open) return;
    if (open->pointer_set == out_.pointers->id) {
      resumes_ = true;
      return;
    }
    out_.ended = EndedDeploy{.id = open->id};
    const std::set<BuildId> used(builds_.begin(), builds_.end());
    for (const BuildId& build : candidates_of(in_.standing)) {
      if (!used.contains(build)) out_.stopped.push_back(build);
    }
    out_.events.push_back(changed(open->id, "superseded"));
  }

  void write_deploy() {
    NewDeploy deploy;
    deploy.exists = resumes_;
    deploy.id = resumes_ ? in_.standing.open_deploy->id : draw<DeployId>();
    deploy.activate = word_of(kActivates, in_.activate);
    deploy.old_version = word_of(kOldVersions, in_.options.old_version);
    deploy.effects = word(in_.options.effects);
    deploy.keep = in_.plan.plan.options.keep;
    std::map<std::string, BuildId> built;
    for (std::size_t i = 0; i < builds_.size(); ++i) {
      built.emplace(in_.file.jobs[i].name, builds_[i]);
    }
    deploy.plan_json = deploy_plan_json(in_.plan.plan, built);
    if (in_.standing.current) deploy.generation_before = generation();
    out_.deploy = std::move(deploy);
    const bool active = in_.activate == Activate::Auto;
    out_.events.push_back(changed(out_.deploy->id, active ? "active" : "ready"));
    tell(active ? "dag_activated" : "dag_deployed");
  }

  /// The transaction of section 6.6 with nothing on its leaving side.
  void write_cutover() {
    Cutover cutover{.version = out_.version,
                    .to = out_.pointers->id,
                    .generation = generation() + 1,
                    .names = {},
                    .entering = builds_,
                    .sources = {},
                    .queues_owed = {},
                    .resets = {}};
    for (const NewPointer& pointer : out_.pointers->datasets) {
      if (!pointer.dataset_id.empty()) cutover.names.push_back(pointer);
    }
    std::set<std::string> queues;
    for (std::size_t i = 0; i < in_.file.jobs.size(); ++i) {
      const DagJob& job = in_.file.jobs[i];
      queues.insert(queue_of(job).text());
      if (job.reset_outputs && !in_.standing.reset_done.contains(job.name)) {
        cutover.resets.push_back(job.name);
      }
      if (job.source) cutover.sources.push_back(start_of(job, builds_[i]));
    }
    cutover.queues_owed.assign(queues.begin(), queues.end());
    announce("dag_cutover", "", [&](JsonText& data) {
      data.key("from").null().key("generation").integer(cutover.generation);
      data.key("pointer_set_id").text(cutover.to.text()).key("to").text(cutover.version.text());
    });
    for (const NewPointer& name : cutover.names) {
      announce("dataset_updated", name.dataset_id, [&](JsonText& data) {
        data.key("dataset_id").text(name.dataset_id);
        data.key("dataset_uuid").text(name.dataset.text());
        data.key("dataset_version").text(name.version.text());
      });
    }
    out_.cutover = std::move(cutover);
  }

  /// A rate counts from this moment, the first activation of its build.
  SourceStart start_of(const DagJob& job, const BuildId& build) const {
    SourceRecord source;
    source.build_id = build;
    if (job.source->schedule) {
      const Schedule& schedule = *job.source->schedule;
      const Instant now = in_.standing.now;
      source =
          start_cron(source, [&](Instant after) { return next_due(schedule, after, now); }, now);
    }
    return {.build_id = build, .next_fire_at = source.next_fire_at};
  }

  template <class Members>
  void announce(std::string_view type, std::string_view instance, const Members& members) {
    JsonText data;
    data.open('{');
    members(data);
    out_.events.push_back({.deploy = out_.deploy->id,
                           .type = std::string(type),
                           .instance = std::string(instance),
                           .data_json = data.close('}').written()});
  }

  void tell(std::string_view action) {
    JsonText detail;
    detail.open('{').key("dag_version_id").text(out_.version.text());
    detail.key("version_no").integer(out_.version_no);
    if (out_.deploy) {
      detail.key("deploy_id").text(out_.deploy->id.text());
      detail.key("pointer_set_id").text(out_.pointers->id.text());
    }
    if (out_.ended) detail.key("superseded").text(out_.ended->id.text());
    out_.audit_action = action;
    out_.audit_detail_json = detail.close('}').written();
  }

  const WriteInput& in_;
  NormalisedJobs normalised_;
  std::vector<BuildId> builds_;  // by the file's order
  bool resumes_ = false;
  DeployWrites out_;
};

}  // namespace

Result<DeployWrites> make_writes(const WriteInput& input) { return Writer(input).make(); }

Result<DeployWrites> cancel_writes(const DagStanding& standing, const DeployId& id) {
  if (!standing.open_deploy || standing.open_deploy->id != id) {
    return base::failed_precondition("deploy_finished", "this deploy is over");
  }
  const OpenDeploy& open = *standing.open_deploy;
  DeployWrites writes;
  writes.version = open.version;
  writes.ended = EndedDeploy{.id = id, .canceled = true};
  writes.stopped = candidates_of(standing);
  writes.events.push_back(changed(id, "canceled"));
  writes.audit_action = "deploy_canceled";
  JsonText detail;
  detail.open('{').key("deploy_id").text(id.text());
  writes.audit_detail_json = detail.close('}').written();
  return writes;
}

std::vector<DatasetTable> tables_of(const DagFile& file, const DagStanding& standing,
                                    const DeployPlan& plan, const DagName& dag) {
  std::vector<DatasetTable> tables;
  for (std::size_t i = 0; i < file.jobs.size(); ++i) {
    const DagJob& job = file.jobs[i];
    const JobStep& step = plan.steps[i];
    if (step.action != PlanAction::Build) continue;
    for (std::size_t o = 0; o < job.outputs.size(); ++o) {
      const DagOutput& output = job.outputs[o];
      if (output.place.write_mode != WriteMode::Direct) continue;
      const auto columns = columns_of(job, output);
      WEIR_ASSERT(columns.has_value());
      tables.push_back({.version = version_id(dataset_of(dag, job, o), step.node.view(),
                                              next_generation(standing, job.name, step.node)),
                        .columns_json = columns_json(*columns),
                        .unique = unique_of(job, output),
                        .indexes_json = indexes_json(output)});
    }
  }
  return tables;
}

}  // namespace weir::dispatcher
