// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/json_dump.h"
#include "worker/door_problem.h"
#include "worker/limits.h"
#include "worker/task_door.h"

// Calls that end at the dispatcher: events, operator-state, complete; and the heartbeat, which the
// worker answers from what it knows.
namespace weir::worker {
namespace {

using base::dump_json;
using Json = nlohmann::json;
using server::HttpRequest;
using server::HttpResponse;

/// Refusals of the fence (contract section 3.2): the operator is to stop.
constexpr std::array<std::string_view, 5> kFenceCodes = {
    "stale_attempt", "lease_mismatch", "lease_expired", "task_finished", "task_canceled"};

/// The body with task, attempt and lease of the attempt; what it says of them itself must agree.
Result<Json> fenced_body(const Attempt& attempt, const HttpRequest& request) {
  Json body = request.body.empty() ? Json::object() : Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return refusal("invalid_request", "the body is no JSON object");
  const Json fence = {{"task_id", attempt.task_id()},
                      {"attempt", attempt.payload().attempt},
                      {"lease_token", attempt.claimed().lease_token}};
  for (const auto& [member, value] : fence.items()) {
    if (body.contains(member) && body[member] != value) {
      return refusal("capability_mismatch", "this socket is another task's or attempt's");
    }
    body[member] = value;
  }
  return body;
}

std::string code_of(const Json& problem) {
  const auto code = problem.is_object() ? problem.find("code") : problem.end();
  return problem.is_object() && code != problem.end() && code->is_string()
             ? code->get<std::string>()
             : std::string();
}

/// Stops the operator where the fence has refused it.
void heed(const DoorParts& parts, Attempt& attempt, const std::string& code) {
  if (std::ranges::find(kFenceCodes, code) == kFenceCodes.end()) return;
  if (attempt.own_outcome() && code == "task_finished") return;  // by itself
  if (code == "task_canceled") {
    attempt.stop().ask({StopReason::Canceled, parts.cancel_grace, "user"});
  } else {
    attempt.stop().ask({StopReason::LeaseLost, parts.kill_after, code});
  }
}

HttpResponse response_of(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  if (status >= 400) response.content_type = "application/problem+json";
  response.body = std::move(body);
  return response;
}

/// Hands a call on and its answer back.
DoorHandler forward(TaskDoor& door, const char* path) {
  return [&door, path](Attempt& attempt, const HttpRequest& request) -> Result<HttpResponse> {
    WEIR_TRY(const Json body, fenced_body(attempt, request));
    WEIR_TRY(auto reply, door.parts().api.forward(path, dump_json(body)));
    if (reply.status == 409) {
      heed(door.parts(), attempt, code_of(Json::parse(reply.body, nullptr, false)));
    }
    return response_of(reply.status, std::move(reply.body));
  };
}

/// The item of a batch answer as an answer of its own.
Result<HttpResponse> unwrap(const DoorParts& parts, Attempt& attempt, DispatcherPort::Reply reply) {
  if (reply.status != 200) return response_of(reply.status, std::move(reply.body));
  const Json body = Json::parse(reply.body, nullptr, false);
  if (!body.is_object() || !body.contains("results") || !body["results"].is_array() ||
      body["results"].size() != 1 || !body["results"][0].is_object()) {
    return base::unavailable("unavailable", "the dispatcher's answer cannot be read");
  }
  const Json& entry = body["results"][0];
  if (!entry.contains("problem"))
    return response_of(200, dump_json(entry.value("result", Json::object())));
  const Json& problem = entry["problem"];
  heed(parts, attempt, code_of(problem));
  const int status = problem.is_object() ? problem.value("status", 500) : 500;
  return response_of(status, dump_json(problem));
}

Result<HttpResponse> complete(TaskDoor& door, Attempt& attempt, const HttpRequest& request) {
  WEIR_TRY(Json item, fenced_body(attempt, request));
  const auto outcome = item.find("outcome");
  if (outcome == item.end() || !outcome->is_string()) {
    return refusal("invalid_request", "`outcome` is missing");
  }
  const std::string said = outcome->get<std::string>();
  const Json body = {{"completions", Json::array({std::move(item)})}};
  WEIR_TRY(auto reply, door.parts().api.forward("/internal/task-complete", dump_json(body)));
  WEIR_TRY(HttpResponse response, unwrap(door.parts(), attempt, std::move(reply)));
  if (response.status == 200) {
    attempt.set_own_outcome(said);
    attempt.stop().ask({StopReason::Finished, kAfterOwnCompletion});
  }
  return response;
}

Result<HttpResponse> heartbeat(Attempt& attempt, const HttpRequest& request) {
  WEIR_TRY(Json body, fenced_body(attempt, request));
  if (const auto progress = body.find("progress"); progress != body.end()) {
    const auto message = progress->is_object() ? progress->find("message") : progress->end();
    if (!progress->is_object() ||
        (message != progress->end() &&
         (!message->is_string() || message->get<std::string>().size() > kProgressBytesMax))) {
      return refusal("invalid_request", "`progress` is no object, or its message too long");
    }
    attempt.set_progress(dump_json(*progress));
  }
  const Attempt::Standing standing = attempt.standing();
  Json answer = {{"status", standing.canceled ? "canceled" : "running"},
                 {"lease_expires_at", standing.lease_expires_at},
                 {"paused", standing.paused}};
  if (standing.canceled) answer["cancel_reason"] = standing.cancel_reason;
  return response_of(200, dump_json(answer));
}

Result<HttpResponse> credentials(const Attempt& attempt) {
  if (attempt.payload().udf) {
    return refusal("udf_forbidden", "a bundle gets no credentials of the object store");
  }
  return refusal("not_supported", "the object store is a folder");
}

}  // namespace

void add_call_routes(server::Router& router, TaskDoor& door) {
  const auto post = [&](const char* path, std::size_t bytes, DoorHandler handler) {
    router.add({.method = "POST",
                .path = path,
                .handler = door_handler(door, std::move(handler)),
                .body_bytes_max = bytes});
  };
  post("/v1/task/events", kEventsBytesMax, forward(door, "/internal/events"));
  post("/v1/task/operator-state", kSmallBodyBytesMax, forward(door, "/internal/operator-state"));
  post("/v1/task/complete", kSmallBodyBytesMax,
       [&door](Attempt& attempt, const HttpRequest& request) {
         return complete(door, attempt, request);
       });
  post("/v1/task/heartbeat", kSmallBodyBytesMax,
       [](Attempt& attempt, const HttpRequest& request) { return heartbeat(attempt, request); });
  post("/v1/task/credentials", kSmallBodyBytesMax,
       [](Attempt& attempt, const HttpRequest&) { return credentials(attempt); });
}

}  // namespace weir::worker
