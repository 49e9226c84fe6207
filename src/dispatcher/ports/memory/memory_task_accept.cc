// SPDX-License-Identifier: Apache-2.0
// Event acceptance of the memory store (contract sections 3.3.4, 6.1, 6.2): first everything is
// checked, then everything is written.
#include <algorithm>
#include <set>
#include <utility>

#include "base/canonical_json.h"
#include "base/json.h"
#include "dispatcher/core/claim_gate.h"
#include "dispatcher/ports/memory/memory_task_claim.h"
#include "dispatcher/ports/memory/memory_task_transaction.h"

namespace weir::dispatcher {
namespace {

std::string scope_text(const Cursor& cursor) {
  if (const auto* number = std::get_if<std::int64_t>(&cursor)) return std::to_string(*number);
  return std::get<std::string>(cursor);
}

/// The JSON in its one form; what is no JSON stays as it is.
std::string canonical(const std::string& json) {
  const auto document = base::JsonDocument::parse(json);
  return document.ok() ? base::canonical_json(document->root()) : json;
}

Error bad_request(std::string reason, std::string message) {
  return base::invalid_argument(std::move(reason), std::move(message));
}

/// What the kind of the output asks of an event (3.3.4).
Result<void> check_kind(const DatasetVersionSeed& output, const TaskRecord& task,
                        const NewEvent& event) {
  if (output.buffered && task.kind != TaskKind::Sink) {
    return bad_request("buffered_output", "the event of a buffered output comes from its sink");
  }
  const bool objects = output.kind == DatasetKind::Parquet;
  if (objects && (!event.commit || !event.partition_key)) {
    return base::failed_precondition("commit_incomplete",
                                     "an event of this output names its committed partition");
  }
  if (!objects && event.commit) {
    return bad_request("invalid_request", "this output has no committed objects");
  }
  return {};
}

}  // namespace

Result<DatasetVersionId> MemoryTransaction::find_output(const TaskRecord& task,
                                                        const NewEvent& event) {
  const MemoryBuild& build = state_.build(task.build_id);
  for (const auto& [output, version] : build.outputs) {
    const bool named = event.output || event.dataset;
    const bool right = (!event.output || *event.output == output) &&
                       (!event.dataset || *event.dataset == state_.version(version).row.dataset);
    if (!named || !right) continue;
    if (!event.version || *event.version == version) return version;
    return base::failed_precondition("version_mismatch", "the output has another version now");
  }
  return Error(Code::PermissionDenied, "output_not_owned", "no such output of the task's build");
}

Result<MemoryTransaction::PlannedEvent> MemoryTransaction::plan_event(const TaskRecord& task,
                                                                      const NewEvent& event) {
  WEIR_TRY(const DatasetVersionId version, find_output(task, event));
  const DatasetVersionSeed& output = state_.version(version).row;
  if (event.cursor.has_value() == event.partition_key.has_value()) {
    return bad_request("scope_required", "an event has a cursor or a partition key");
  }
  WEIR_CHECK(check_kind(output, task, event));
  if (event.batch_no && !state_.build(task.build_id).job.ordered) {
    return bad_request("invalid_request", "only ordered operators number their batches");
  }
  PlannedEvent planned;
  planned.key = {.producer = task.task_id,
                 .dataset = output.dataset,
                 .partition = event.partition_key.has_value(),
                 .scope_key = event.cursor ? scope_text(*event.cursor) : *event.partition_key};
  planned.version = version;
  planned.event = &event;
  planned.existing = state_.find_event(planned.key);
  return planned;
}

Result<std::vector<MemoryTransaction::PlannedEvent>> MemoryTransaction::plan_events(
    const TaskRecord& task, const std::vector<NewEvent>& events) {
  std::vector<PlannedEvent> plan;
  std::set<EventKey> keys;
  std::map<DatasetVersionId, std::size_t> cursor_types;
  for (const NewEvent& event : events) {
    WEIR_TRY(PlannedEvent planned, plan_event(task, event));
    if (!keys.insert(planned.key).second) {
      return bad_request("duplicate_scope", "two events of one request have one scope");
    }
    if (event.cursor) {
      const auto& known = state_.tables.versions.at(planned.version).max_cursor;
      const auto [type, fresh] =
          cursor_types.try_emplace(planned.version, known ? known->index() : event.cursor->index());
      if (type->second != event.cursor->index()) {
        return bad_request("cursor_type_mismatch", "the version's cursors are of another type");
      }
    }
    plan.push_back(std::move(planned));
  }
  return plan;
}

Result<void> MemoryTransaction::check_state(const TaskRecord& task, const StateWrite& state) const {
  const auto row = state_.tables.operator_state.find({task.build_id, state.state_key});
  const bool there = row != state_.tables.operator_state.end();
  const std::int64_t revision = there ? row->second.revision : 0;
  const bool repeated =
      there && revision == state.expect_revision + 1 && row->second.task_id == task.task_id;
  if (revision == state.expect_revision || repeated) return {};
  return base::failed_precondition("revision_conflict", "the state has another revision");
}

Result<void> MemoryTransaction::check_manifests(const TaskRecord& task,
                                                const std::vector<PlannedEvent>& plan) const {
  std::map<std::int64_t, std::string> given;
  for (const PlannedEvent& planned : plan) {
    if (!planned.event->batch_no) continue;
    const auto source = trigger_version(task);
    if (!source) return bad_request("invalid_request", "the task has no input to number");
    const std::string manifest = canonical(planned.event->payload_json);
    const auto row =
        state_.tables.manifests.find({task.build_id, *source, *planned.event->batch_no});
    const bool taken =
        row != state_.tables.manifests.end() && row->second.manifest_json != manifest;
    const auto [first, fresh] = given.try_emplace(*planned.event->batch_no, manifest);
    if (taken || first->second != manifest) {
      return base::failed_precondition("manifest_conflict",
                                       "the batch's number has another content");
    }
  }
  return {};
}

Result<AcceptReply> MemoryTransaction::accept(const TaskRecord& task, int attempt,
                                              const AcceptRequest& request) {
  WEIR_TRY(const std::vector<PlannedEvent> plan, plan_events(task, request.events));
  if (request.state) WEIR_CHECK(check_state(task, *request.state));
  WEIR_CHECK(check_manifests(task, plan));

  AcceptReply reply;
  for (const PlannedEvent& planned : plan) {
    const bool duplicate = planned.existing != nullptr;
    const EventRow row = duplicate ? *planned.existing : insert_event(task, attempt, planned);
    reply.events.push_back({.event_id = row.event_id,
                            .dataset = row.key.dataset,
                            .version = row.version,
                            .seq = row.seq,
                            .duplicate = duplicate});
    if (duplicate) continue;
    if (row.key.partition) insert_partition(row, *planned.event);
    if (planned.event->batch_no) insert_manifest(task, row, *planned.event);
    route(row);
  }
  if (request.state) reply.state_revision = write_state(task, *request.state);
  return reply;
}

EventRow MemoryTransaction::insert_event(const TaskRecord& task, int attempt,
                                         const PlannedEvent& planned) {
  VersionRow& version = state_.tables.versions.at(planned.version);
  EventRow row;
  row.event_id = fresh<EventId>();
  row.key = planned.key;
  row.org_id = task.org_id;
  row.version = planned.version;
  row.seq = ++version.last_seq;
  row.producer_attempt = attempt;
  row.cursor = planned.event->cursor;
  row.start = planned.event->start;
  row.end = planned.event->end;
  row.event_class = task.life.task_class;
  row.root_event_id = task.root_event_id.value_or(row.event_id);
  row.payload_json = canonical(planned.event->payload_json);
  row.accepted_at = now_;
  if (row.cursor) {
    version.max_cursor =
        version.max_cursor ? std::max(*version.max_cursor, *row.cursor) : row.cursor;
  }
  state_.put_event(row);
  return row;
}

void MemoryTransaction::insert_partition(const EventRow& event, const NewEvent& given) {
  VersionRow& version = state_.tables.versions.at(event.version);
  if (PartitionRow* before = state_.current_partition(event.version, event.key.scope_key)) {
    before->superseded_at = now_;
    version.row_count -= before->row_count.value_or(0);
    version.bytes -= before->bytes.value_or(0);
  }
  PartitionRow row;
  row.event_id = event.event_id;
  row.producer = event.key.producer;
  row.producer_attempt = event.producer_attempt;
  row.start = event.start;
  row.end = event.end;
  if (given.commit) {
    row.location = given.commit->location;
    row.manifest_sha256 = given.commit->manifest_sha256;
    row.row_count = given.commit->row_count;
    row.bytes = given.commit->bytes;
    row.schema_hash = given.commit->schema_hash;
    version.row_count += given.commit->row_count;
    version.bytes += given.commit->bytes;
  }
  row.committed_at = now_;
  state_.put_partition(event.version, event.key.scope_key, row);
}

void MemoryTransaction::insert_manifest(const TaskRecord& task, const EventRow& event,
                                        const NewEvent& given) {
  // Taken by the same content: the first stays.
  state_.tables.manifests.try_emplace({task.build_id, *trigger_version(task), *given.batch_no},
                                      ManifestRow{event.payload_json, event.event_id});
}

std::int64_t MemoryTransaction::write_state(const TaskRecord& task, const StateWrite& state) {
  OperatorStateRow& row = state_.tables.operator_state[{task.build_id, state.state_key}];
  if (row.revision != state.expect_revision) return row.revision;  // a repeat
  row.state_json = canonical(state.state_json);
  row.task_id = task.task_id;
  return ++row.revision;
}

// One task a subscription; a cursor cannot go where partitions are asked for (6.2).
void MemoryTransaction::route(const EventRow& event) {
  for (const auto& [build_id, input] : state_.version(event.version).subscribers) {
    const MemoryBuild& build = state_.build(build_id);
    if (build.row.dispatch == Dispatch::Stopped) continue;
    if (!event.key.partition && build.job.execution_strategy == "PerPartition") {
      state_.tables.rejections.emplace(build_id, input, event.event_id);
      continue;
    }
    CreateCommand create;
    create.task_id = fresh<TaskId>();
    create.org_id = build.org_id;
    create.dag_version_id = build.row.dag_version_id;
    create.kind = TaskKind::Reactive;
    create.runtime = build.job.runtime;
    create.level = build.job.priority;
    create.task_class = event.event_class;
    create.trigger_event_id = event.event_id;
    create.root_event_id = event.root_event_id;
    create.input_index = input;
    if (event.key.partition) create.scope.partition_key = event.key.scope_key;
    create.scope.start = event.start;
    create.scope.end = event.end;
    create.scope.cursor_to = event.cursor;
    if (build.job.ordered) create.order_seq = event.seq;

    if (!create_claimed(create, build_id)) create_task(create, build_id);
  }
}

bool MemoryTransaction::create_claimed(const CreateCommand& create, const BuildId& build) {
  const BuildFacts facts = state_.facts(build);
  const JobSeed& job = state_.build(build).job;
  if (!immediate_.any()) return false;
  const auto created = decide(facts, create, now_).change.created;
  if (!created || !may_be_claimed_at_once(*created, facts)) return false;
  const ClaimRequest* waiting =
      immediate_.find(created->queue, job.operator_name, job.operator_version);
  if (waiting == nullptr) return false;
  TaskView view;
  view.task = *created;
  const ClaimCommand claim = MemoryClaim(*this, *waiting).command(view);
  const auto decision = decide(facts, ClaimedAtOnce{create, claim}, now_);
  if (!decision.reply.claimed) return false;
  write(*decision.change.created, decision.change);
  immediate_.took(create.task_id, *decision.reply.claimed);
  return true;
}

Decision<CreateReply> MemoryTransaction::create_task(CreateCommand create, const BuildId& build) {
  const BuildFacts facts = state_.facts(build);
  TaskRecord placed;  // as far as its place in order goes
  placed.build_id = build;
  placed.input_index = create.input_index;
  placed.order_seq = create.order_seq;
  create.order_blocked = state_.order_blocked(placed);
  auto decision = decide(facts, create, now_);
  if (!decision.change.created) return decision;
  // Its class and build say where it queues, and the queue whether there is room to ring.
  create.may_ring = budget_.may_ring(decision.change.created->queue);
  if (!create.may_ring) decision = decide(facts, create, now_);
  write(*decision.change.created, decision.change);
  return decision;
}

Answer<RunReply> MemoryTransaction::start_run(const RunRequest& request) {
  Answer<RunReply> answer;
  answer.reply.task_id = request.run_id;
  const MemoryBuild* build = state_.find_build(request.build_id);
  if (build == nullptr || !build->job.source) {
    answer.fault = base::not_found("not_found", "no such source");
    return answer;
  }
  const TaskView known = view(request.run_id);
  if (known.presence != Presence::Unknown) {
    answer.reply.duplicate = true;
    const EventRow* event = state_.event_of(request.run_id);
    if (event != nullptr) answer.reply.event_id = event->event_id;
    return answer;
  }
  const BuildFacts facts = state_.facts(request.build_id);
  InlineRun run;
  run.create.task_id = request.run_id;
  run.create.org_id = build->org_id;
  run.create.dag_version_id = build->row.dag_version_id;
  run.create.kind = TaskKind::SourceRun;
  run.create.runtime = build->job.runtime;
  run.create.level = build->job.priority;
  run.create.task_class = request.task_class;
  run.create.scope.partition_key = request.event.partition_key;
  run.create.scope.start = request.event.start;
  run.create.scope.end = request.event.end;
  run.create.scope.cursor_to = request.event.cursor;
  run.create.may_ring = false;  // Nobody is woken for what runs here; a held run is owed.
  run.claim.worker_id = kInlineWorker;
  run.claim.lease_token = fresh<LeaseToken>();
  const auto decision = decide(facts, run, now_);
  if (decision.refused) {
    answer.refused = decision.refused;
    return answer;
  }
  const TaskRecord& task = *decision.change.created;
  AcceptRequest events{.task_id = request.run_id, .fence = {}, .events = {request.event}};
  if (!request.event.output && !request.event.dataset) events.events.front().output = 0;
  const auto plan = plan_events(task, events.events);
  if (!plan.ok()) {
    answer.fault = plan.error();
    return answer;
  }
  write(task, decision.change);
  if (decision.reply.state != TaskState::Completed) return answer;  // the gate holds it
  const auto accepted = accept(task, task.life.attempt, events);
  answer.reply.event_id = accepted->events.front().event_id;
  return answer;
}

}  // namespace weir::dispatcher
