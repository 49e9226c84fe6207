// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "dispatcher/core/derived_ids.h"
#include "dispatcher/user_api/answers.h"
#include "dispatcher/wire/problems.h"
#include "dispatcher/wire/request_body.h"

namespace weir::dispatcher {
namespace {

using server::HttpRequest;
using server::HttpResponse;

constexpr std::int64_t kJsonIntegerMax = (std::int64_t{1} << 53) - 1;

constexpr std::array<std::string_view, 6> kStates = {"queued",    "running", "retry_wait",
                                                     "completed", "failed",  "canceled"};
constexpr std::array<std::string_view, 5> kClasses = {"live", "replay", "backfill", "recompute",
                                                      "manual"};
constexpr std::array<std::string_view, 5> kKinds = {"reactive", "source_run", "recompute", "sink",
                                                    "check"};

Result<Work> read_tasks(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world", "limit", "cursor", "dag", "job", "state", "class", "kind",
                              "root", "archived"});
  TaskList listing = {.dag = query.text("dag", kDagNameBytes),
                      .job = query.text("job", kJobNameBytes)};
  if (const auto state = query.one_of("state", kStates)) {
    listing.state = parse_task_state(kStates.at(*state));
  }
  if (const auto task_class = query.one_of("class", kClasses)) {
    listing.task_class = parse_task_class(kClasses.at(*task_class));
  }
  if (const auto kind = query.one_of("kind", kKinds)) {
    listing.kind = parse_task_kind(kKinds.at(*kind));
  }
  if (const auto root = query.uuid("root")) listing.root = EventId(*root);
  listing.archived = query.flag("archived").value_or(false);
  const PageKeyForm form = listing.by_end() ? PageKeyForm::InstantAndId : PageKeyForm::Id;
  return list_work(ports, query, {.listing = std::move(listing), .form = form});
}

Result<Work> read_task(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {});
  return show_work(ports, query, TaskPicture{TaskId(id_in_path(request, "id"))});
}

template <class Reply>
HttpResponse refusal_of(const Answer<Reply>& answer, const std::string& request_id) {
  return answer.refused ? problem_response(*answer.refused, request_id)
                        : problem_response(*answer.fault, request_id);
}

/// T9, T10 or T13 by a user: `{task_id, state}`.
Result<Work> read_command(const UserApiPorts& ports, const HttpRequest& request,
                          UserCommand command) {
  QueryReader query(request, {});
  WEIR_CHECK(query.finish());
  if (!request.body.empty()) {
    WEIR_TRY(const JsonDocument body, parse_body(request.body));
    WEIR_CHECK(MembersReader(body.root(), "", {}).finish());
  }
  const TaskId task(id_in_path(request, "id"));
  return Work([&ports, task, command](const Caller& caller) -> Result<HttpResponse> {
    WEIR_TRY(const Answer<StateReply> answer,
             ports.tasks.command(
                 {.org_id = caller.principal.org_id, .task_id = task, .command = command}));
    if (ports.outbox_due) ports.outbox_due();
    if (!answer.ok()) return refusal_of(answer, caller.request_id);
    const nlohmann::ordered_json body = {{"task_id", task.text()},
                                         {"state", word(answer.reply.state)}};
    return json_answer(body.dump());
  });
}

Result<Work> read_cancel(const UserApiPorts& ports, const HttpRequest& request) {
  return read_command(ports, request, UserCommand::Cancel);
}
Result<Work> read_retry(const UserApiPorts& ports, const HttpRequest& request) {
  return read_command(ports, request, UserCommand::Retry);
}

/// A number, or a text; the decimal text of an integer beyond what JSON numbers hold is that
/// integer (section 0).
std::optional<Cursor> read_cursor(MembersReader& body) {
  if (const auto number = json_integer(body.value("cursor"))) return Cursor(*number);
  const std::optional<std::string> text = body.optional_text("cursor", kScopeBytes);
  if (!text) return std::nullopt;
  if (!is_storable(*text)) body.fail("cursor", "has a zero byte");
  std::int64_t number = 0;
  const char* const last = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), last, number);
  const bool is_large = number > kJsonIntegerMax || number < -kJsonIntegerMax;
  if (error == std::errc() && end == last && is_large && std::to_string(number) == *text) {
    return Cursor(number);
  }
  return Cursor(*text);
}

Result<void> check_scope(const NewEvent& event) {
  const auto refuse = [](const char* why) {
    return base::invalid_argument("invalid_request", why);
  };
  if (event.cursor && event.partition_key) {
    return refuse("a run has one of cursor and partition_key");
  }
  if (event.start.has_value() != event.end.has_value()) return refuse("start and end go together");
  if (event.start && !event.partition_key) return refuse("only a partition has start and end");
  if (event.start && *event.start > *event.end) return refuse("end is less than start");
  return {};
}

/// The event of a manual run. Without a scope of the caller's it is the instant, in milliseconds.
Result<NewEvent> read_event(std::string_view text, Instant now) {
  NewEvent event;
  if (!text.empty()) {
    WEIR_TRY(const JsonDocument document, parse_body(text));
    MembersReader body(document.root(), "", {"cursor", "partition_key", "start", "end", "payload"});
    event.cursor = read_cursor(body);
    event.partition_key = body.optional_text("partition_key", kScopeBytes);
    if (event.partition_key && !is_storable(*event.partition_key)) {
      body.fail("partition_key", "has a zero byte");
    }
    event.start = body.optional_integer("start", -kJsonIntegerMax, kJsonIntegerMax);
    event.end = body.optional_integer("end", -kJsonIntegerMax, kJsonIntegerMax);
    event.payload_json = body.optional_object("payload", kRunPayloadBytes).value_or("{}");
    // PostgreSQL's JSON cannot hold that character.
    if (event.payload_json.contains("\\u0000")) body.fail("payload", "has a zero byte");
    WEIR_CHECK(body.finish());
  }
  WEIR_CHECK(check_scope(event));
  if (!event.cursor && !event.partition_key) {
    const auto since = now.time_since_epoch();
    event.cursor = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  }
  return event;
}

HttpResponse run_answer(const RunReply& reply) {
  nlohmann::ordered_json body = {{"task_id", reply.task_id.text()}, {"event_id", nullptr}};
  if (reply.event_id) body["event_id"] = reply.event_id->text();
  return json_answer(body.dump(), 202);
}

Result<HttpResponse> start_run(const UserApiPorts& ports, const Caller& caller, RunRequest run) {
  run.run_id = caller.repeat_key ? manual_run_id(run.build_id, *caller.repeat_key)
                                 : TaskId(base::uuid_v7(ports.clock.now(), ports.random));
  const std::array<RunRequest, 1> requests = {std::move(run)};
  WEIR_TRY(const auto answers, ports.tasks.start_runs(requests));
  if (ports.outbox_due) ports.outbox_due();
  const Answer<RunReply>& answer = answers.front();
  if (!answer.ok()) return refusal_of(answer, caller.request_id);
  return run_answer(answer.reply);
}

Result<Work> read_run(const UserApiPorts& ports, const HttpRequest& request) {
  QueryReader query(request, {"world"});
  const std::string world = query.world();
  WEIR_CHECK(query.finish());
  WEIR_TRY(NewEvent event, read_event(request.body, ports.clock.now()));
  return Work([&ports, &request, world,
               event = std::move(event)](const Caller& caller) -> Result<HttpResponse> {
    WEIR_CHECK(check_world(world));
    const RegistryScope scope = {.org = caller.principal.org_id, .world = world};
    WEIR_TRY(const SourceBuild source,
             ports.registry.find_source(scope, request.param("dag"), request.param("job")));
    if (source.kind != "manual") {
      return Error(Code::FailedPrecondition, "not_supported",
                   "only a source of kind manual is run by hand");
    }
    return start_run(ports, caller,
                     {.build_id = source.build_id,
                      .run_id = {},
                      .task_class = TaskClass::Manual,
                      .event = event});
  });
}

}  // namespace

std::vector<UserRoute> task_routes() {
  using auth::Action;
  return {
      {.method = "GET", .path = "/v1/tasks", .action = Action::Read, .read = read_tasks},
      {.method = "GET", .path = "/v1/tasks/{id}", .action = Action::Read, .read = read_task},
      {.method = "POST",
       .path = "/v1/tasks/{id}/cancel",
       .action = Action::CancelTask,
       .read = read_cancel,
       .audited = AuditedBy::Desk},
      {.method = "POST",
       .path = "/v1/tasks/{id}/retry",
       .action = Action::RetryTask,
       .read = read_retry,
       .audited = AuditedBy::Desk},
      {.method = "POST",
       .path = "/v1/dags/{dag}/jobs/{job}/runs",
       .action = Action::RunManually,
       .read = read_run,
       .audited = AuditedBy::Desk,
       .body_bytes_max = kRunBodyBytes},
  };
}

}  // namespace weir::dispatcher
