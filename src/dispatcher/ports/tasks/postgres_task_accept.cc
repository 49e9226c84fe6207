// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_accept.h"

#include <algorithm>

#include "base/assert.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"
#include "dispatcher/ports/tasks/postgres_task_sql.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

// The outputs that producers name: $1 tasks, $2 builds (NULL: the task's), $3 outputs, $4 datasets.
// Their versions become the setting weir.versions, their builds weir.builds.
constexpr Statement kNameVersions = {
    "accept_name_versions",
    "WITH wanted AS MATERIALIZED (SELECT DISTINCT coalesce(w.b, t.build_id) AS build_id,"
    " w.o AS output, w.d AS dataset FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[])"
    " AS w (t, b, o, d) LEFT JOIN state.tasks t ON t.task_id = w.t)"
    " SELECT set_config('weir.versions', coalesce(array_agg(DISTINCT v.dataset_version)"
    " FILTER (WHERE v.dataset_version IS NOT NULL), '{}')::text, true),"
    " set_config('weir.builds', coalesce(array_agg(DISTINCT b.build_id), '{}')::text, true)"
    " FROM wanted w JOIN state.builds b ON b.build_id = w.build_id"
    " LEFT JOIN state.datasets d ON d.org_id = b.org_id AND d.dag_name = b.dag_name"
    " AND d.job_name = b.job_name AND (w.output IS NULL OR d.output_index = w.output)"
    " AND (w.dataset IS NULL OR d.dataset_uuid = w.dataset)"
    " LEFT JOIN state.dataset_versions v ON v.dataset_uuid = d.dataset_uuid"
    " AND v.build_id = b.build_id"};

#define WEIR_NAMED_VERSIONS "ANY(current_setting('weir.versions')::uuid[])"
#define WEIR_NAMED_BUILDS "ANY(current_setting('weir.builds')::uuid[])"

// Those of the producers and of all who subscribe to the versions.
#define WEIR_BUILDS_AROUND                                             \
  "(SELECT unnest(current_setting('weir.builds')::uuid[]) AS build_id" \
  " UNION SELECT s.consumer_build_id FROM state.subscriptions s"       \
  " WHERE s.dataset_version = " WEIR_NAMED_VERSIONS                    \
  ") AS u JOIN state.builds b ON b.build_id = u.build_id"
constexpr Statement kLockSwitches = {"accept_lock_switches",
                                     WEIR_LOCK_SWITCHES_OF(WEIR_BUILDS_AROUND)};
constexpr Statement kTrySwitches = {"accept_try_switches",
                                    WEIR_TRY_SWITCHES_OF(WEIR_BUILDS_AROUND)};

constexpr Statement kLockVersions = {
    "accept_lock_versions",
    "SELECT v.dataset_version, v.dataset_uuid, v.build_id, d.output_index, v.kind,"
    " coalesce(v.storage->>'write_mode' = 'buffered', false), v.last_seq, v.max_cursor_int,"
    " v.max_cursor_text FROM state.dataset_versions v JOIN state.datasets d"
    " ON d.dataset_uuid = v.dataset_uuid WHERE v.dataset_version = " WEIR_NAMED_VERSIONS
    " ORDER BY v.dataset_version FOR NO KEY UPDATE OF v"};

// Events by their keys: $1 producers, $2 partition or cursor, $3 scopes; each in any version named.
// OFFSET keeps each look-up one by key: a plan made while the table was empty began with all events
// of the dataset.
constexpr Statement kReadExisting = {
    "accept_read_existing",
    "SELECT e.producer_task_id, e.dataset_uuid, e.kind = 'partition', e.scope_key, e.event_id,"
    " e.dataset_version, e.seq FROM (SELECT DISTINCT dataset_uuid FROM state.dataset_versions"
    " WHERE dataset_version = " WEIR_NAMED_VERSIONS
    ") AS v CROSS JOIN unnest($1::uuid[], $2::text[], $3::text[]) AS w (p, k, s)"
    " CROSS JOIN LATERAL (SELECT * FROM state.events f WHERE f.producer_task_id = w.p"
    " AND f.dataset_uuid = v.dataset_uuid AND f.kind = w.k AND f.scope_key = w.s OFFSET 0) AS e"};

// How tasks of a build `b` are made: by the DAG version that is current, else the newest that has
// the build.
#define WEIR_JOB_OF_BUILD                                                                        \
  " CROSS JOIN LATERAL (SELECT q.* FROM state.dag_version_builds v"                              \
  " JOIN state.pointer_sets p ON p.pointer_set_id = v.pointer_set_id"                            \
  " JOIN state.jobs q ON q.dag_version_id = v.dag_version_id AND q.name = v.job_name"            \
  " LEFT JOIN state.dag_current_versions c ON c.org_id = b.org_id AND c.dag_name = b.dag_name"   \
  " AND c.world = b.world AND c.pointer_set_id = v.pointer_set_id WHERE v.build_id = b.build_id" \
  " ORDER BY c.pointer_set_id IS NULL, p.created_at DESC, p.pointer_set_id LIMIT 1) AS j"
#define WEIR_SOURCE_COLUMNS                                                                   \
  "j.dag_version_id, " WEIR_FACT_COLUMNS                                                      \
  ", b.org_id,"                                                                               \
  " CASE WHEN b.definition->>'on_dispatcher' = 'true' THEN 'dispatcher' ELSE j.runtime END, " \
  "j.priority"
constexpr std::size_t kSourceColumns = 14;

constexpr Statement kReadSubscribers = {
    "accept_read_subscribers",
    "SELECT " WEIR_SOURCE_COLUMNS
    ", s.dataset_version, s.input_index, coalesce(j.execution_strategy = 'PerPartition', false),"
    " coalesce(b.definition->>'ordered' = 'true', false), b.dag_name,"
    " EXISTS (SELECT FROM state.tasks t WHERE t.build_id = b.build_id"
    " AND t.input_index = s.input_index AND t.order_seq IS NOT NULL AND t.state " WEIR_UNFINISHED
    ") FROM state.subscriptions s JOIN state.builds b ON b.build_id = "
    "s.consumer_build_id" WEIR_JOB_OF_BUILD " WHERE s.dataset_version = " WEIR_NAMED_VERSIONS
    " AND s.stopped_seq IS NULL AND b.dispatch <> 'stopped'"
    " ORDER BY s.consumer_build_id, s.input_index"};

constexpr Statement kReadSources = {
    "accept_read_sources",
    "SELECT " WEIR_SOURCE_COLUMNS ", j.activation = 'source' FROM state.builds b" WEIR_JOB_OF_BUILD
    " WHERE b.build_id = ANY($1::uuid[])"};

constexpr Statement kReadRunEvents = {
    "accept_read_run_events",
    "SELECT w.t, e.event_id FROM unnest($1::uuid[]) AS w (t) CROSS JOIN LATERAL"
    " (SELECT event_id FROM state.events WHERE producer_task_id = w.t"
    " ORDER BY dataset_uuid, kind, scope_key LIMIT 1) AS e"};

constexpr Statement kLockStates = {
    "accept_lock_states",
    "SELECT s.build_id, s.state_key, s.revision, s.task_id FROM state.operator_state s WHERE"
    " (s.build_id, s.state_key) IN (SELECT t.build_id, w.k FROM unnest($1::uuid[], $2::text[])"
    " AS w (t, k) JOIN state.tasks t ON t.task_id = w.t)"
    " ORDER BY s.build_id, s.state_key FOR UPDATE"};

constexpr Statement kReadManifests = {
    "accept_read_manifests",
    "SELECT m.build_id, m.source_dataset_version, m.batch_no, m.manifest"
    " FROM unnest($1::uuid[], $2::bigint[]) AS w (t, n) JOIN state.tasks t ON t.task_id = w.t"
    " JOIN state.events e ON e.event_id = t.trigger_event_id JOIN state.batch_manifests m"
    " ON m.build_id = t.build_id AND m.source_dataset_version = e.dataset_version"
    " AND m.batch_no = w.n"};

/// Jobs of one acceptance whose tasks may be claimed at once; the others' wait as any.
constexpr std::size_t kClaimedJobsMax = 64;

Error bad_request(std::string reason, std::string message) {
  return base::invalid_argument(std::move(reason), std::move(message));
}

bool is_partition(const NewEvent& event) { return event.partition_key.has_value(); }

std::string scope_of_event(const NewEvent& event) {
  return event.cursor ? scope_key(*event.cursor) : event.partition_key.value_or("");
}

QueueLevel level_of(std::string_view priority) {
  if (priority == "high") return QueueLevel::High;
  return priority == "low" ? QueueLevel::Low : QueueLevel::Normal;
}

Acceptance::Source source_of(const Rows& rows, std::size_t row) {
  const auto runtime = parse_queue_runtime(rows.text(row, 12));
  WEIR_ASSERT(runtime);
  return {.org_id = id_of<OrgId>(rows, row, 11),
          .dag_version_id = id_of<DagVersionId>(rows, row, 0),
          .runtime = *runtime,
          .level = level_of(rows.text(row, 13)),
          .facts = sql::facts_of(rows, row)};
}

}  // namespace

Acceptance::Acceptance(TaskTransaction& transaction, std::span<const Producer> producers,
                       Switches switches)
    : transaction_(transaction), producers_(producers) {
  std::vector<std::pair<const Producer*, const NewEvent*>> named;
  for (const Producer& producer : producers) {
    if (producer.events.empty()) named.emplace_back(&producer, nullptr);
    for (const NewEvent& event : producer.events) named.emplace_back(&producer, &event);
  }
  // An acceptance of state alone names an output that does not exist.
  static constexpr int kNoOutput = -1;
  using Named = std::pair<const Producer*, const NewEvent*>;
  Params params;
  params.uuid_array(named, [](const Named& n) { return n.first->task.uuid(); })
      .uuid_array(named,
                  [](const Named& n) {
                    return n.first->build ? std::optional(n.first->build->uuid()) : std::nullopt;
                  })
      .int32_array(named,
                   [](const Named& n) {
                     return n.second == nullptr ? std::optional(kNoOutput) : n.second->output;
                   })
      .uuid_array(named, [](const Named& n) {
        const bool given = n.second != nullptr && n.second->dataset;
        return given ? std::optional(n.second->dataset->uuid()) : std::nullopt;
      });
  transaction_.pipeline().add(kNameVersions, std::move(params));
  switches_at_ =
      transaction_.pipeline().add(switches == Switches::Wait ? kLockSwitches : kTrySwitches);
}

void Acceptance::queue_reads() {
  postgres::Pipeline& pipeline = transaction_.pipeline();
  versions_at_ = pipeline.add(kLockVersions);
  std::vector<std::pair<TaskId, const NewEvent*>> keys;
  std::vector<std::pair<TaskId, const StateWrite*>> states;
  std::vector<std::pair<TaskId, std::int64_t>> batches;
  std::vector<Uuid> builds;
  std::vector<Uuid> runs;
  for (const Producer& producer : producers_) {
    if (producer.state != nullptr) states.emplace_back(producer.task, producer.state);
    if (producer.build) builds.push_back(producer.build->uuid());
    if (producer.build) runs.push_back(producer.task.uuid());
    for (const NewEvent& event : producer.events) {
      keys.emplace_back(producer.task, &event);
      if (event.batch_no) batches.emplace_back(producer.task, *event.batch_no);
    }
  }
  const auto task = [](const auto& pair) { return pair.first.uuid(); };
  Params existing;
  existing.uuid_array(keys, task)
      .text_array(keys,
                  [](const auto& k) { return is_partition(*k.second) ? "partition" : "cursor"; })
      .text_array(keys, [](const auto& k) { return scope_of_event(*k.second); });
  existing_at_ = pipeline.add(kReadExisting, std::move(existing));
  subscribers_at_ = pipeline.add(kReadSubscribers);
  sources_at_ = pipeline.add(kReadSources, std::move(Params().uuid_array(builds)));
  run_events_at_ = pipeline.add(kReadRunEvents, std::move(Params().uuid_array(runs)));
  Params of_states;
  of_states.uuid_array(states, task).text_array(states, [](const auto& s) {
    return std::string_view(s.second->state_key);
  });
  states_at_ = pipeline.add(kLockStates, std::move(of_states));
  Params of_batches;
  of_batches.uuid_array(batches, task).int64_array(batches, [](const auto& b) { return b.second; });
  manifests_at_ = pipeline.add(kReadManifests, std::move(of_batches));
}

void Acceptance::take(const std::vector<Rows>& results) {
  take_versions(results[versions_at_]);
  take_existing(results[existing_at_]);
  take_subscribers(results[subscribers_at_]);
  const Rows& sources = results[sources_at_];
  for (std::size_t at = 0; at < sources.size(); ++at) {
    if (!sources.boolean(at, kSourceColumns)) continue;
    const Source source = source_of(sources, at);
    transaction_.facts({source.dag_version_id, source.facts.build_id}) = source.facts;
    sources_.insert_or_assign(source.facts.build_id, source);
  }
  const Rows& runs = results[run_events_at_];
  for (std::size_t at = 0; at < runs.size(); ++at) {
    run_events_[id_of<TaskId>(runs, at, 0)] = id_of<EventId>(runs, at, 1);
  }
  const Rows& states = results[states_at_];
  for (std::size_t at = 0; at < states.size(); ++at) {
    states_[{id_of<BuildId>(states, at, 0), std::string(states.text(at, 1))}] = {
        .revision = states.int64(at, 2),
        .writer = id_if<TaskId>(states, at, 3),
        .exists = true,
        .written = nullptr};
  }
  const Rows& manifests = results[manifests_at_];
  for (std::size_t at = 0; at < manifests.size(); ++at) {
    manifests_known_[{id_of<BuildId>(manifests, at, 0), id_of<DatasetVersionId>(manifests, at, 1),
                      manifests.int64(at, 2)}] = canonical(manifests.text(at, 3));
  }
  // What subscribed after the switch locks were taken may be of a DAG that is switching.
  const std::string locked =
      "\n" + std::string(results[switches_at_].text_if(0, 1).value_or("")) + "\n";
  const Rows& subscribers = results[subscribers_at_];
  for (std::size_t at = 0; at < subscribers.size(); ++at) {
    const std::string dag = id_of<OrgId>(subscribers, at, 11).text() + "/" +
                            std::string(subscribers.text(at, kSourceColumns + 4));
    if (locked.find("\n" + dag + "\n") == std::string::npos) must_start_over_ = true;
  }
}

void Acceptance::take_versions(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    Version version{.id = id_of<DatasetVersionId>(rows, at, 0),
                    .dataset = id_of<DatasetUuid>(rows, at, 1),
                    .output = static_cast<int>(rows.int64(at, 3)),
                    .objects = rows.text(at, 4) == "parquet",
                    .buffered = rows.boolean(at, 5),
                    .last_seq = rows.int64(at, 6),
                    .max_cursor = cursor_of(rows, at, 7, 8)};
    const DatasetVersionId id = version.id;
    outputs_[id_of<BuildId>(rows, at, 2)].push_back(&(versions_[id] = std::move(version)));
  }
}

void Acceptance::take_subscribers(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const Subscriber subscriber{.build = id_of<BuildId>(rows, at, 1),
                                .input = static_cast<int>(rows.int64(at, kSourceColumns + 1)),
                                .job = source_of(rows, at),
                                .per_partition = rows.boolean(at, kSourceColumns + 2),
                                .ordered = rows.boolean(at, kSourceColumns + 3),
                                .blocked = rows.boolean(at, kSourceColumns + 5)};
    const JobKey key{subscriber.job.dag_version_id, subscriber.build};
    transaction_.facts(key) = subscriber.job.facts;
    subscribers_[id_of<DatasetVersionId>(rows, at, kSourceColumns)].push_back(subscriber);
  }
}

void Acceptance::take_existing(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const Key key{id_of<TaskId>(rows, at, 0), id_of<DatasetUuid>(rows, at, 1), rows.boolean(at, 2),
                  std::string(rows.text(at, 3))};
    existing_[key] = {.event_id = id_of<EventId>(rows, at, 4),
                      .dataset = id_of<DatasetUuid>(rows, at, 1),
                      .version = id_of<DatasetVersionId>(rows, at, 5),
                      .seq = rows.int64(at, 6),
                      .duplicate = true};
  }
}

const Acceptance::Source* Acceptance::source(const BuildId& build) const {
  const auto found = sources_.find(build);
  return found == sources_.end() ? nullptr : &found->second;
}

std::optional<EventId> Acceptance::event_of(const TaskId& run) const {
  const auto found = run_events_.find(run);
  return found == run_events_.end() ? std::nullopt : std::optional(found->second);
}

Result<Acceptance::Version*> Acceptance::find_output(const BuildId& build, TaskKind kind,
                                                     const NewEvent& event) {
  Version* found = nullptr;
  for (Version* version : outputs_[build]) {
    const bool named = event.output || event.dataset;
    const bool right = (!event.output || *event.output == version->output) &&
                       (!event.dataset || *event.dataset == version->dataset);
    if (named && right) found = version;
  }
  if (found == nullptr) {
    return Error(Code::PermissionDenied, "output_not_owned", "no such output of the task's build");
  }
  if (event.version && *event.version != found->id) {
    return base::failed_precondition("version_mismatch", "the output has another version now");
  }
  if (event.cursor.has_value() == event.partition_key.has_value()) {
    return bad_request("scope_required", "an event has a cursor or a partition key");
  }
  if (found->buffered && kind != TaskKind::Sink) {
    return bad_request("buffered_output", "the event of a buffered output comes from its sink");
  }
  if (found->objects && (!event.commit || !event.partition_key)) {
    return base::failed_precondition("commit_incomplete",
                                     "an event of this output names its committed partition");
  }
  if (!found->objects && event.commit) {
    return bad_request("invalid_request", "this output has no committed objects");
  }
  return found;
}

Result<Acceptance::Planned> Acceptance::plan_event(const TaskRecord& task, const NewEvent& event) {
  WEIR_TRY(Version * version, find_output(task.build_id, task.kind, event));
  if (event.batch_no) {
    const auto job = transaction_.job({task.dag_version_id, task.build_id});
    if (!job || !job->ordered) {
      return bad_request("invalid_request", "only ordered operators number their batches");
    }
  }
  Planned planned{
      .key = {task.task_id, version->dataset, is_partition(event), scope_of_event(event)},
      .version = version,
      .event = &event,
      .existing = nullptr};
  const auto existing = existing_.find(planned.key);
  if (existing != existing_.end()) planned.existing = &existing->second;
  return planned;
}

Result<std::vector<Acceptance::Planned>> Acceptance::plan(const TaskRecord& task,
                                                          const Producer& producer) {
  std::vector<Planned> plan;
  std::set<Key> keys;
  std::map<DatasetVersionId, std::size_t> types;
  for (const NewEvent& event : producer.events) {
    WEIR_TRY(Planned planned, plan_event(task, event));
    if (!keys.insert(planned.key).second) {
      return bad_request("duplicate_scope", "two events of one request have one scope");
    }
    if (event.cursor) {
      const auto& known = planned.version->max_cursor;
      const auto [type, fresh] =
          types.try_emplace(planned.version->id, known ? known->index() : event.cursor->index());
      if (type->second != event.cursor->index()) {
        return bad_request("cursor_type_mismatch", "the version's cursors are of another type");
      }
    }
    plan.push_back(std::move(planned));
  }
  return plan;
}

Result<void> Acceptance::check_state(const TaskRecord& task, const StateWrite& state) const {
  const auto row = states_.find({task.build_id, state.state_key});
  const std::int64_t revision = row == states_.end() ? 0 : row->second.revision;
  const bool repeated = row != states_.end() && revision == state.expect_revision + 1 &&
                        row->second.writer == task.task_id;
  if (revision == state.expect_revision || repeated) return {};
  return base::failed_precondition("revision_conflict", "the state has another revision");
}

Result<void> Acceptance::check_manifests(const TaskRecord& task, const std::vector<Planned>& plan) {
  std::map<std::int64_t, std::string> given;
  for (const Planned& planned : plan) {
    if (!planned.event->batch_no) continue;
    const EventContext* trigger = transaction_.trigger(task.task_id);
    if (trigger == nullptr)
      return bad_request("invalid_request", "the task has no input to number");
    const std::string manifest = canonical(planned.event->payload_json);
    const auto row =
        manifests_known_.find({task.build_id, trigger->version, *planned.event->batch_no});
    const bool taken = row != manifests_known_.end() && row->second != manifest;
    const auto [first, fresh] = given.try_emplace(*planned.event->batch_no, manifest);
    if (taken || first->second != manifest) {
      return base::failed_precondition("manifest_conflict",
                                       "the batch's number has another content");
    }
  }
  return {};
}

Result<void> Acceptance::check(const TaskRecord& task, const Producer& producer) {
  WEIR_TRY(const std::vector<Planned> planned, plan(task, producer));
  if (producer.state != nullptr) WEIR_CHECK(check_state(task, *producer.state));
  return check_manifests(task, planned);
}

Result<AcceptReply> Acceptance::accept(const TaskRecord& task, int attempt,
                                       const Producer& producer) {
  WEIR_CHECK(check(task, producer));
  WEIR_TRY(const std::vector<Planned> planned, plan(task, producer));
  AcceptReply reply;
  for (const Planned& item : planned) {
    if (item.existing != nullptr) {
      reply.events.push_back(*item.existing);
      continue;
    }
    const Event event = insert(task, attempt, item);
    reply.events.push_back(event.accepted);
    route(event);
  }
  if (producer.state != nullptr) reply.state_revision = write_state(task, *producer.state);
  return reply;
}

const Acceptance::Event& Acceptance::insert(const TaskRecord& task, int attempt,
                                            const Planned& planned) {
  Version& version = *planned.version;
  Event event;
  event.accepted = {.event_id = transaction_.fresh<EventId>(),
                    .dataset = version.dataset,
                    .version = version.id,
                    .seq = ++version.last_seq,
                    .duplicate = false};
  event.org_id = task.org_id;
  event.producer = task.task_id;
  event.attempt = attempt;
  event.given = planned.event;
  event.scope = std::get<3>(planned.key);
  event.task_class = task.life.task_class;
  event.root = task.root_event_id.value_or(event.accepted.event_id);
  version.changed = true;
  if (const auto& cursor = planned.event->cursor) {
    version.max_cursor = version.max_cursor ? std::max(*version.max_cursor, *cursor) : *cursor;
  }
  events_.push_back(std::move(event));
  if (is_partition(*planned.event)) insert_partition(events_.size() - 1, version);
  if (planned.event->batch_no) {
    const BatchKey key{task.build_id, transaction_.trigger(task.task_id)->version,
                       *planned.event->batch_no};
    const std::string json = canonical(planned.event->payload_json);
    if (manifests_known_.try_emplace(key, json).second) {  // Else the first stays.
      manifests_.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), json,
                            events_.back().accepted.event_id});
    }
  }
  return events_.back();
}

void Acceptance::insert_partition(std::size_t event, Version& version) {
  auto& revisions = revisions_[{version.id, events_[event].scope}];
  if (!revisions.empty()) {
    Partition& before = partitions_[revisions.back()];
    before.last = false;
    if (const auto& commit = events_[before.event].given->commit) {
      version.rows_added -= commit->row_count;
      version.bytes_added -= commit->bytes;
    }
  }
  if (const auto& commit = events_[event].given->commit) {
    version.rows_added += commit->row_count;
    version.bytes_added += commit->bytes;
  }
  const auto ordinal = static_cast<int>(revisions.size());
  revisions.push_back(partitions_.size());
  partitions_.push_back({.event = event, .ordinal = ordinal, .last = true});
}

std::int64_t Acceptance::write_state(const TaskRecord& task, const StateWrite& state) {
  State& row = states_[{task.build_id, state.state_key}];
  if (row.revision != state.expect_revision) return row.revision;  // a repeat
  row.written = &state;
  row.writer = task.task_id;
  return ++row.revision;
}

// One task a subscription; a cursor cannot go where partitions are asked for (6.2).
void Acceptance::route(const Event& event) {
  for (Subscriber& subscriber : subscribers_[event.accepted.version]) {
    if (!is_partition(*event.given) && subscriber.per_partition) {
      rejections_.emplace_back(subscriber.build, subscriber.input, event.accepted.event_id);
      continue;
    }
    create(event, subscriber);
  }
}

void Acceptance::create(const Event& event, Subscriber& subscriber) {
  const Source& job = subscriber.job;
  const BuildFacts& facts = transaction_.facts({job.dag_version_id, subscriber.build});
  CreateCommand create;
  create.task_id = transaction_.fresh<TaskId>();
  create.org_id = job.org_id;
  create.dag_version_id = job.dag_version_id;
  create.kind = TaskKind::Reactive;
  create.runtime = job.runtime;
  create.level = job.level;
  create.task_class = event.task_class;
  create.trigger_event_id = event.accepted.event_id;
  create.root_event_id = event.root;
  create.input_index = subscriber.input;
  create.scope.partition_key = event.given->partition_key;
  create.scope.start = event.given->start;
  create.scope.end = event.given->end;
  create.scope.cursor_to = event.given->cursor;
  if (subscriber.ordered) create.order_seq = event.accepted.seq;
  create.order_blocked = subscriber.ordered && subscriber.blocked;
  if (create_claimed(event, subscriber, create)) return;
  const QueueLevel level =
      facts.live_world ? create.level : std::min(create.level, QueueLevel::Low);
  const bool backfill = create.task_class == TaskClass::Backfill;
  create.may_ring =
      transaction_.budget().may_ring({create.runtime, backfill ? QueueLevel::Backfill : level});
  const auto decision = decide(facts, create, transaction_.now());
  if (!decision.change.created) return;
  transaction_.create(decision.change);
  if (subscriber.ordered) subscriber.blocked = true;
}

Result<void> Acceptance::meet_claims() {
  if (!transaction_.claims_wait()) return {};
  std::set<JobKey> jobs;
  for (const auto& [version, subscribers] : subscribers_) {
    for (const Subscriber& subscriber : subscribers) {
      const bool never = subscriber.ordered || subscriber.job.facts.max_concurrency;
      if (never || jobs.size() == kClaimedJobsMax) continue;
      jobs.emplace(subscriber.job.dag_version_id, subscriber.build);
    }
  }
  return jobs.empty() ? Result<void>() : transaction_.read_contexts(jobs);
}

bool Acceptance::create_claimed(const Event& event, const Subscriber& subscriber,
                                const CreateCommand& create) {
  const JobKey job{subscriber.job.dag_version_id, subscriber.build};
  if (!transaction_.has_context(job)) return false;
  const EventContext trigger{.event_id = event.accepted.event_id,
                             .version = event.accepted.version,
                             .seq = event.accepted.seq,
                             .partition_key = event.given->partition_key,
                             .cursor = event.given->cursor,
                             .start = event.given->start,
                             .end = event.given->end,
                             .payload_json = canonical(event.given->payload_json)};
  return transaction_.create_claimed(job, create, trigger);
}

}  // namespace weir::dispatcher
