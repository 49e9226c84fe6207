// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/wire/task_wire.h"

#include <algorithm>
#include <set>
#include <utility>

#include "dispatcher/wire/limits.h"
#include "dispatcher/wire/request_body.h"
#include "operators/task_payload.h"

namespace weir::dispatcher {
namespace {

constexpr std::int64_t kAttemptMax = 1'000'000;
constexpr std::int64_t kIntegerMax = (std::int64_t{1} << 53) - 1;

std::string element(std::string_view list, std::size_t at) {
  return std::string(list) + "[" + std::to_string(at) + "]";
}

Fence read_fence(MembersReader& body) {
  Fence fence;
  fence.attempt = static_cast<int>(body.integer("attempt", 1, kAttemptMax));
  fence.lease_token = body.id<LeaseToken>("lease_token");
  return fence;
}

/// The items of a batch, one reader each; the whole body is the item of form Single.
template <class Item, class Read>
Result<std::vector<Item>> read_items(std::string_view text, BodyForm form, std::string_view list,
                                     Read read) {
  WEIR_TRY(const JsonDocument document, parse_body(text));
  std::vector<Item> items;
  if (form == BodyForm::Single) {
    WEIR_TRY(Item item, read(document.root(), std::string()));
    items.push_back(std::move(item));
    return items;
  }
  MembersReader body(document.root(), "", {list});
  const JsonValue values = body.array(list, kItemsMax);
  if (values.size() == 0) body.fail(list, "has 1 to " + std::to_string(kItemsMax) + " elements");
  WEIR_CHECK(body.finish());
  std::set<TaskId> seen;
  for (const JsonValue value : values) {
    WEIR_TRY(Item item, read(value, element(list, items.size())));
    if (!seen.insert(item.task_id).second) {
      return base::invalid_argument(
          "duplicate_item", element(list, items.size()) + " names a task that is named before");
    }
    items.push_back(std::move(item));
  }
  return items;
}

Result<TaskItem<HeartbeatCommand>> read_heartbeat(JsonValue value, const std::string& where) {
  MembersReader body(value, where, {"task_id", "attempt", "lease_token", "progress"});
  TaskItem<HeartbeatCommand> item;
  item.task_id = body.id<TaskId>("task_id");
  item.command.fence = read_fence(body);
  if (body.has("progress")) {
    MembersReader progress(body.value("progress"), body.path_of("progress"),
                           {"fraction", "message", "caught_up"});
    if (progress.has("fraction") && !progress.value("fraction").is_number()) {
      progress.fail("fraction", "is not a number");
    }
    progress.optional_text("message", kProgressBytes);
    progress.optional_flag("caught_up");
    WEIR_CHECK(progress.finish());
  }
  WEIR_CHECK(body.finish());
  return item;
}

std::optional<Outcome> reported_outcome(std::string_view text) {
  const std::optional<Outcome> outcome = parse_outcome(text);
  return outcome && *outcome <= Outcome::Released ? outcome : std::nullopt;
}

Result<TaskError> read_error(JsonValue value, const std::string& where) {
  MembersReader body(value, where, {"code", "type", "message"});
  TaskError error;
  error.code = body.text("code", kStateKeyBytes);
  error.type = body.optional_text("type", kStateKeyBytes).value_or("");
  error.message = body.optional_text("message", kErrorMessageBytes).value_or("");
  WEIR_CHECK(body.finish());
  return error;
}

Result<TaskItem<CompleteCommand>> read_completion(JsonValue value, const std::string& where) {
  for (const char* name : {"events", "outputs", "datasets_published"}) {
    if (!value.find(name).missing()) {
      return base::invalid_argument("lifecycle_only",
                                    (where.empty() ? "" : where + ".") + name +
                                        " does not belong to a completion; emit events before it");
    }
  }
  MembersReader body(value, where,
                     {"task_id", "attempt", "lease_token", "outcome", "error", "result"});
  TaskItem<CompleteCommand> item;
  item.task_id = body.id<TaskId>("task_id");
  item.command.fence = read_fence(body);
  const std::string outcome = body.text("outcome", kStateKeyBytes);
  if (const auto known = reported_outcome(outcome)) {
    item.command.outcome = *known;
  } else {
    body.fail("outcome", "is none of success, retryable_error, fatal_error, canceled, released");
  }
  item.command.result = body.optional_object("result", kResultBytes).value_or("");
  if (body.has("error")) {
    WEIR_TRY(item.command.error, read_error(body.value("error"), body.path_of("error")));
  }
  WEIR_CHECK(body.finish());
  return item;
}

std::optional<Cursor> read_cursor(MembersReader& body, std::string_view name) {
  const JsonValue value = body.value(name);
  if (value.is_null()) return std::nullopt;
  if (const auto number = json_integer(value)) return Cursor(*number);
  const auto text = body.optional_text(name, kCursorBytes);
  return text ? operators::cursor_of_text(*text) : std::nullopt;
}

Result<storage::CommitNamed> read_commit(JsonValue value, const std::string& where) {
  MembersReader body(value, where,
                     {"prefix", "manifest_sha256", "row_count", "bytes", "schema_hash"});
  storage::CommitNamed commit;
  commit.prefix = body.text("prefix", kUriBytes);
  commit.manifest_sha256 = body.text("manifest_sha256", kReceiptBytes);
  commit.row_count = body.optional_integer("row_count", 0, kIntegerMax);
  commit.bytes = body.optional_integer("bytes", 0, kIntegerMax);
  commit.schema_hash = body.optional_text("schema_hash", kStateKeyBytes);
  WEIR_CHECK(body.finish());
  return commit;
}

/// Exactly one of a cursor and a partition, with a range only beside the latter.
Result<void> check_scope(const NewEvent& event, const std::string& where) {
  if (event.cursor.has_value() == event.partition_key.has_value()) {
    return base::invalid_argument("scope_required",
                                  where + " has exactly one of cursor and partition_key");
  }
  if (event.start.has_value() != event.end.has_value() || (event.start && event.cursor) ||
      (event.start && *event.end < *event.start)) {
    return base::invalid_argument("invalid_request",
                                  where +
                                      ": start and end stand together, in order, beside a "
                                      "partition_key");
  }
  return {};
}

Result<EventDraft> read_event(JsonValue value, const std::string& where) {
  MembersReader body(value, where,
                     {"output", "dataset_uuid", "dataset_version", "cursor", "partition_key",
                      "start", "end", "commit", "payload", "batch_no"});
  EventDraft draft;
  if (const auto output = body.optional_integer("output", 0, kIntegerMax)) {
    draft.event.output = static_cast<int>(std::min<std::int64_t>(*output, kAttemptMax));
  }
  draft.event.dataset = body.optional_id<DatasetUuid>("dataset_uuid");
  draft.event.version = body.optional_id<DatasetVersionId>("dataset_version");
  draft.event.partition_key = body.optional_text("partition_key", kPartitionKeyBytes);
  draft.event.cursor = read_cursor(body, "cursor");
  draft.event.start = body.optional_integer("start", -kIntegerMax, kIntegerMax);
  draft.event.end = body.optional_integer("end", -kIntegerMax, kIntegerMax);
  draft.event.batch_no = body.optional_integer("batch_no", 0, kIntegerMax);
  draft.event.payload_json = body.optional_object("payload", kPayloadBytes).value_or("{}");
  if (!draft.event.output && !draft.event.dataset) body.fail("output", "is missing");
  WEIR_CHECK(body.finish());
  WEIR_CHECK(check_scope(draft.event, where));
  if (body.has("commit")) {
    WEIR_TRY(draft.commit, read_commit(body.value("commit"), body.path_of("commit")));
  }
  return draft;
}

using ScopeKey = std::tuple<std::optional<int>, std::optional<DatasetUuid>,
                            std::optional<std::string>, std::optional<Cursor>>;

Result<StateWrite> read_state_write(JsonValue value) {
  MembersReader body(value, "state", {"state_key", "expect_revision", "state"});
  StateWrite write;
  write.state_key = body.text("state_key", kStateKeyBytes);
  write.expect_revision = body.integer("expect_revision", 0, kIntegerMax);
  const auto state = body.optional_object("state", kStateBytes);
  if (!state) body.fail("state", "is missing");
  write.state_json = state.value_or("{}");
  WEIR_CHECK(body.finish());
  return write;
}

Result<OperatorName> read_operator_name(JsonValue value, const std::string& where) {
  const std::string_view text = value.text();
  if (!value.is_text() || text.empty() || text.size() > kOperatorNameBytes) {
    return base::invalid_argument("invalid_request", where + " is no operator name");
  }
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return OperatorName{std::string(text)};
  return OperatorName{std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

Result<std::vector<TaskId>> read_task_ids(MembersReader& body) {
  std::vector<TaskId> ids;
  for (const JsonValue value : body.array("task_ids", kItemsMax)) {
    const auto uuid = value.is_text() ? Uuid::parse(value.text()) : std::nullopt;
    if (!uuid) {
      return base::invalid_argument("invalid_request",
                                    element("task_ids", ids.size()) + " is not a UUID");
    }
    if (std::ranges::find(ids, TaskId(*uuid)) != ids.end()) {
      return base::invalid_argument("duplicate_item",
                                    element("task_ids", ids.size()) + " is named before");
    }
    ids.emplace_back(*uuid);
  }
  return ids;
}

std::optional<QueueRuntime> read_runtime(MembersReader& body) {
  const auto text = body.optional_text("runtime", kStateKeyBytes);
  if (!text) return std::nullopt;
  const auto runtime = parse_queue_runtime(*text);
  if (!runtime) body.fail("runtime", "is none of lambda, ecs_platform, dispatcher, sink, query");
  return runtime;
}

Result<std::optional<std::vector<OperatorName>>> read_operators(MembersReader& body) {
  const JsonValue names = body.array("operators", kItemsMax);
  if (!body.has("operators")) return std::optional<std::vector<OperatorName>>();
  std::vector<OperatorName> operators;
  for (const JsonValue name : names) {
    const std::string where = element(body.path_of("operators"), operators.size());
    WEIR_TRY(OperatorName read, read_operator_name(name, where));
    operators.push_back(std::move(read));
  }
  return std::optional(std::move(operators));
}

/// The claim that a poll is answered with: what the messages do not tell of it.
Result<ClaimRequest> read_claim_of_poll(JsonValue value, const std::string& worker_id) {
  MembersReader body(value, "claim", {"claim_id", "runtime", "operators"});
  ClaimRequest claim;
  claim.worker_id = worker_id;
  claim.claim_id = body.id<ClaimId>("claim_id");
  claim.runtime = read_runtime(body);
  if (!claim.runtime) body.fail("runtime", "is missing");
  WEIR_TRY(claim.operators, read_operators(body));
  WEIR_CHECK(body.finish());
  return claim;
}

}  // namespace

Result<ClaimRequest> read_claim(std::string_view text) {
  WEIR_TRY(const JsonDocument document, parse_body(text));
  MembersReader body(document.root(), "",
                     {"worker_id", "claim_id", "task_ids", "max", "runtime", "operators"});
  ClaimRequest request;
  request.worker_id = body.text("worker_id", kWorkerIdBytes);
  request.claim_id = body.optional_id<ClaimId>("claim_id");
  WEIR_TRY(request.task_ids, read_task_ids(body));
  const auto max = body.optional_integer("max", 1, kItemsMax);
  request.max = static_cast<std::size_t>(max.value_or(0));
  request.runtime = read_runtime(body);
  if (max && !request.runtime) body.fail("runtime", "is missing; max asks for tasks of a runtime");
  if (!max && request.task_ids.empty()) body.fail("task_ids", "or max must be given");
  WEIR_TRY(request.operators, read_operators(body));
  WEIR_CHECK(body.finish());
  return request;
}

Result<std::vector<TaskItem<HeartbeatCommand>>> read_heartbeats(std::string_view body,
                                                                BodyForm form) {
  return read_items<TaskItem<HeartbeatCommand>>(body, form, "heartbeats", read_heartbeat);
}

Result<std::vector<TaskItem<CompleteCommand>>> read_completions(std::string_view body,
                                                                BodyForm form) {
  return read_items<TaskItem<CompleteCommand>>(body, form, "completions", read_completion);
}

Result<AcceptDraft> read_events(std::string_view text) {
  WEIR_TRY(const JsonDocument document, parse_body(text));
  MembersReader body(document.root(), "", {"task_id", "attempt", "lease_token", "events", "state"});
  AcceptDraft draft;
  draft.task_id = body.id<TaskId>("task_id");
  draft.fence = read_fence(body);
  const JsonValue events = body.array("events", kEventsMax);
  if (events.size() == 0 && !body.has("state")) body.fail("events", "or state must be given");
  WEIR_CHECK(body.finish());
  std::set<ScopeKey> scopes;
  for (const JsonValue value : events) {
    const std::string where = element("events", draft.events.size());
    WEIR_TRY(EventDraft event, read_event(value, where));
    const NewEvent& said = event.event;
    if (!scopes.insert({said.output, said.dataset, said.partition_key, said.cursor}).second) {
      return base::invalid_argument("duplicate_scope", where + " repeats the scope of another");
    }
    draft.events.push_back(std::move(event));
  }
  if (body.has("state")) {
    WEIR_TRY(draft.state, read_state_write(body.value("state")));
  }
  return draft;
}

Result<StateRead> read_state_read(std::string_view text) {
  WEIR_TRY(const JsonDocument document, parse_body(text));
  MembersReader body(document.root(), "", {"task_id", "attempt", "lease_token", "state_key"});
  StateRead read;
  read.task_id = body.id<TaskId>("task_id");
  read.fence = read_fence(body);
  read.state_key = body.text("state_key", kStateKeyBytes);
  WEIR_CHECK(body.finish());
  return read;
}

Result<WakeupRequest> read_wakeups(std::string_view text) {
  WEIR_TRY(const JsonDocument document, parse_body(text));
  MembersReader body(document.root(), "",
                     {"worker_id", "queues", "max", "wait_seconds", "ack", "claim"});
  WakeupRequest request;
  request.worker_id = body.text("worker_id", kWorkerIdBytes);
  for (const JsonValue value : body.array("queues", kWaitQueuesMax)) {
    const auto queue = parse_queue_name(value.text());
    if (!queue) {
      return base::invalid_argument("invalid_request",
                                    element("queues", request.queues.size()) + " is no queue");
    }
    request.queues.push_back(*queue);
  }
  request.max = static_cast<std::size_t>(body.integer("max", 1, kItemsMax));
  request.wait =
      std::chrono::seconds(body.optional_integer("wait_seconds", 0, kWaitMax.count()).value_or(0));
  const JsonValue acks = body.array("ack", kItemsMax);
  WEIR_CHECK(body.finish());
  for (const JsonValue value : acks) {
    MembersReader ack(value, element("ack", request.acknowledged.size()),
                      {"message_id", "receipt"});
    request.acknowledged.push_back(
        {ack.text("message_id", kReceiptBytes), ack.text("receipt", kReceiptBytes)});
    WEIR_CHECK(ack.finish());
  }
  if (body.has("claim")) {
    WEIR_TRY(request.claim, read_claim_of_poll(body.value("claim"), request.worker_id));
  }
  return request;
}

}  // namespace weir::dispatcher
