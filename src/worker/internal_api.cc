// SPDX-License-Identifier: Apache-2.0
#include "worker/internal_api.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/json_dump.h"
#include "worker/limits.h"

namespace weir::worker {
namespace {

using base::dump_json;
using Json = nlohmann::json;

constexpr int kOk = 200;
constexpr int kServerFault = 500;
constexpr int kTooMany = 429;

std::string text_of(const Json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_of(const Json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::int64_t number_of(const Json& object, const char* member, std::int64_t otherwise) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>()
                                                             : otherwise;
}

/// The body of a 200; else the problem as an Error.
Result<Json> read_answer(const Result<DispatcherPort::Reply>& reply) {
  if (!reply.ok()) return reply.error();
  Json body = Json::parse(reply->body, nullptr, false);
  if (reply->status == kOk && body.is_object()) return body;
  std::string code = text_of(body, "code");
  if (code.empty()) code = "http_" + std::to_string(reply->status);
  return Error(reply->status >= kServerFault || reply->status == kTooMany || reply->status == kOk
                   ? Code::Unavailable
                   : Code::FailedPrecondition,
               std::move(code), "the dispatcher answered " + std::to_string(reply->status));
}

/// The entries of a batch answer, which are as many as were asked for.
Result<Json> read_results(const Result<DispatcherPort::Reply>& reply, std::size_t items) {
  WEIR_TRY(Json body, read_answer(reply));
  auto results = body.find("results");
  if (results == body.end() || !results->is_array() || (items != 0 && results->size() != items)) {
    return base::unavailable("answer_invalid",
                             "the dispatcher's answer has not one result an item");
  }
  return std::move(*results);
}

std::optional<std::string> refusal_of(const Json& entry) {
  const auto problem = entry.find("problem");
  if (problem == entry.end()) return {};
  std::string code = text_of(*problem, "code");
  return code.empty() ? "unknown" : code;
}

std::optional<Claimed> read_claimed(const Json& entry) {
  const auto result = entry.find("result");
  if (result == entry.end() || !result->is_object()) return {};
  Claimed claimed;
  claimed.lease_token = text_of(*result, "lease_token");
  claimed.fence_no = number_of(*result, "fence_no", 0);
  claimed.lease_expires_at = text_of(*result, "lease_expires_at");
  claimed.heartbeat_interval = std::chrono::seconds(
      std::max<std::int64_t>(1, number_of(*result, "heartbeat_interval_seconds", 20)));
  claimed.capability_token = text_of(*result, "capability_token");
  const auto task = result->find("task");
  auto payload = operators::parse_task_payload(task == result->end() ? "" : task->dump());
  if (payload.ok()) {
    claimed.payload = std::move(*payload);
  } else {
    claimed.payload.task_id =
        graph::TaskId(Uuid::parse(text_of(entry, "task_id")).value_or(Uuid()));
    claimed.payload.attempt = static_cast<int>(number_of(entry, "attempt", 1));
    claimed.payload.op.clear();
  }
  return claimed;
}

Json completion_item(const Completion& completion) {
  Json item = {{"task_id", completion.task_id},
               {"attempt", completion.attempt},
               {"lease_token", completion.lease_token},
               {"outcome", completion.outcome}};
  if (!completion.error_code.empty()) {
    item["error"] = {{"code", completion.error_code}, {"message", completion.error_message}};
  }
  if (!completion.result.empty()) item["result"] = Json::parse(completion.result, nullptr, false);
  return item;
}

}  // namespace

std::string completion_json(const Completion& completion) {
  return dump_json(completion_item(completion));
}

Result<std::vector<Wakeup>> InternalApi::wakeups(const PollRequest& request) {
  Json body = {{"worker_id", worker_id_},
               {"queues", request.queues},
               {"max", request.max},
               {"wait_seconds", request.wait.count()},
               {"ack", Json::array()}};
  for (const std::string& ack : request.acks) body["ack"].push_back(Json::parse(ack));
  WEIR_TRY(const Json answer, read_answer(port_.poll("/internal/wakeups", dump_json(body),
                                                     request.wait + kAnswerTimeout)));
  std::vector<Wakeup> wakeups;
  const auto messages = answer.find("messages");
  if (messages == answer.end() || !messages->is_array()) return wakeups;
  for (const Json& message : *messages) {
    if (!message.is_object() || !message.contains("message_id") || !message.contains("receipt")) {
      continue;
    }
    const Json ack = {{"message_id", message["message_id"]}, {"receipt", message["receipt"]}};
    const auto payload = message.find("payload");
    wakeups.push_back(
        {dump_json(ack), payload == message.end() ? std::string() : text_of(*payload, "task_id")});
  }
  return wakeups;
}

Result<ClaimAnswer> InternalApi::claim(const ClaimRequest& request) {
  Json body = {{"worker_id", worker_id_},
               {"claim_id", request.claim_id},
               {"task_ids", request.task_ids},
               {"runtime", runtime_},
               {"operators", operators_}};
  if (request.max > 0) body["max"] = request.max;
  WEIR_TRY(const Json answer,
           read_answer(port_.post("/internal/task-claim", dump_json(body), kAnswerTimeout)));
  ClaimAnswer claim;
  claim.more = flag_of(answer, "more");
  const auto results = answer.find("results");
  if (results == answer.end() || !results->is_array()) {
    return base::unavailable("answer_invalid", "a claim was answered without results");
  }
  for (const Json& entry : *results) {
    if (!entry.is_object()) continue;
    if (auto claimed = read_claimed(entry)) claim.tasks.push_back(std::move(*claimed));
  }
  return claim;
}

Result<std::vector<BeatAnswer>> InternalApi::heartbeat(const std::vector<Beat>& beats,
                                                       Duration timeout) {
  Json items = Json::array();
  for (const Beat& beat : beats) {
    Json item = {
        {"task_id", beat.task_id}, {"attempt", beat.attempt}, {"lease_token", beat.lease_token}};
    if (!beat.progress.empty()) item["progress"] = Json::parse(beat.progress, nullptr, false);
    items.push_back(std::move(item));
  }
  const Json body = {{"heartbeats", std::move(items)}};
  WEIR_TRY(const Json results,
           read_results(port_.post("/internal/heartbeat", dump_json(body), timeout), beats.size()));
  std::vector<BeatAnswer> answers;
  for (const Json& entry : results) {
    BeatAnswer answer;
    answer.refusal = refusal_of(entry);
    if (const auto result = entry.find("result"); result != entry.end()) {
      answer.canceled = text_of(*result, "status") == "canceled";
      answer.cancel_reason = text_of(*result, "cancel_reason");
      answer.paused = flag_of(*result, "paused");
      answer.lease_expires_at = text_of(*result, "lease_expires_at");
      answer.capability_token = text_of(*result, "capability_token");
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

Result<std::vector<CompletionAnswer>> InternalApi::complete(
    const std::vector<Completion>& completions) {
  Json items = Json::array();
  for (const Completion& completion : completions) items.push_back(completion_item(completion));
  const Json body = {{"completions", std::move(items)}};
  WEIR_TRY(const Json results,
           read_results(port_.post("/internal/task-complete", dump_json(body), kAnswerTimeout),
                        completions.size()));
  std::vector<CompletionAnswer> answers;
  for (const Json& entry : results) {
    CompletionAnswer answer;
    answer.refusal = refusal_of(entry);
    if (answer.refusal) {
      const std::int64_t status = number_of(entry["problem"], "status", 0);
      answer.try_again = status >= kServerFault || status == kTooMany;
    } else if (const auto result = entry.find("result"); result != entry.end()) {
      answer.status = text_of(*result, "status");
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

Result<DispatcherPort::Reply> InternalApi::forward(std::string_view path, std::string body) {
  return port_.post(path, std::move(body), kAnswerTimeout);
}

}  // namespace weir::worker
