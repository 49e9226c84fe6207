// SPDX-License-Identifier: Apache-2.0
#include "worker/internal_api.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/json_dump.h"
#include "operators/json_line.h"
#include "operators/json_members.h"
#include "operators/limits.h"
#include "worker/limits.h"

namespace weir::worker {
namespace {

using base::dump_json;
using operators::JsonLine;
using Json = nlohmann::json;

constexpr int kOk = 200;
constexpr int kServerFault = 500;
constexpr int kTooMany = 429;
/// Deeper than any payload that stands in an answer.
constexpr std::size_t kAnswerDepthMax = operators::kPayloadDepthMax * 2;

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

std::string text_of(JsonValue object, std::string_view member) {
  const JsonValue found = object.find(member);
  return found.is_text() ? std::string(found.text()) : std::string();
}

std::int64_t number_of(JsonValue object, std::string_view member, std::int64_t otherwise) {
  const JsonValue found = object.find(member);
  return found.is_number() ? operators::whole_of(found.text()).value_or(otherwise) : otherwise;
}

Error answer_error(const DispatcherPort::Reply& reply, std::string code) {
  if (code.empty()) code = "http_" + std::to_string(reply.status);
  return {reply.status >= kServerFault || reply.status == kTooMany || reply.status == kOk
              ? Code::Unavailable
              : Code::FailedPrecondition,
          std::move(code), "the dispatcher answered " + std::to_string(reply.status)};
}

/// The body of a 200; else the problem as an Error.
Result<Json> read_answer(const Result<DispatcherPort::Reply>& reply) {
  if (!reply.ok()) return reply.error();
  Json body = Json::parse(reply->body, nullptr, false);
  if (reply->status == kOk && body.is_object()) return body;
  return answer_error(*reply, text_of(body, "code"));
}

/// The same, of the answers that stand between a wake-up and its operator: they are read in a
/// quarter of the time.
Result<JsonDocument> read_document(const Result<DispatcherPort::Reply>& reply) {
  if (!reply.ok()) return reply.error();
  auto body = JsonDocument::parse(reply->body,
                                  {.depth_max = kAnswerDepthMax, .bytes_max = kAnswerBytesMax});
  const JsonValue root = body.ok() ? body->root() : JsonValue();
  if (reply->status == kOk && root.is_object()) return body;
  return answer_error(*reply, text_of(root, "code"));
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

std::optional<Claimed> read_claimed(JsonValue entry) {
  const JsonValue result = entry.find("result");
  if (!result.is_object()) return {};
  Claimed claimed;
  claimed.lease_token = text_of(result, "lease_token");
  claimed.fence_no = number_of(result, "fence_no", 0);
  claimed.lease_expires_at = text_of(result, "lease_expires_at");
  claimed.heartbeat_interval = std::chrono::seconds(
      std::max<std::int64_t>(1, number_of(result, "heartbeat_interval_seconds", 20)));
  claimed.capability_token = text_of(result, "capability_token");
  auto payload = operators::read_task_payload(result.find("task"));
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

/// A list of values, each written by `append`.
template <class Value, class Append>
void append_list(std::string& out, const std::vector<Value>& values, Append append) {
  out += '[';
  bool first = true;
  for (const Value& value : values) {
    if (!first) out += ',';
    first = false;
    append(value);
  }
  out += ']';
}

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  append_list(out, texts, [&](const std::string& text) { base::append_json_text(out, text); });
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
  std::string body;
  JsonLine line(body);
  line.text("worker_id", worker_id_).key("queues");
  append_texts(body, request.queues);
  line.number("max", request.max).number("wait_seconds", request.wait.count()).key("ack");
  append_list(body, request.acks, [&](const std::string& ack) { body += ack; });
  line.end();
  WEIR_TRY(const JsonDocument answer, read_document(port_.poll("/internal/wakeups", std::move(body),
                                                               request.wait + kAnswerTimeout)));
  std::vector<Wakeup> wakeups;
  for (const JsonValue message : answer.root().find("messages")) {
    const JsonValue id = message.find("message_id");
    const JsonValue receipt = message.find("receipt");
    if (id.missing() || receipt.missing()) continue;
    Wakeup& wakeup = wakeups.emplace_back();
    JsonLine ack(wakeup.ack);
    ack.raw("message_id", operators::json_of(id)).raw("receipt", operators::json_of(receipt)).end();
    wakeup.task_id = text_of(message.find("payload"), "task_id");
  }
  return wakeups;
}

Result<ClaimAnswer> InternalApi::claim(const ClaimRequest& request) {
  std::string body;
  JsonLine line(body);
  line.text("worker_id", worker_id_).text("claim_id", request.claim_id).key("task_ids");
  append_texts(body, request.task_ids);
  line.text("runtime", runtime_).key("operators");
  append_texts(body, operators_);
  if (request.max > 0) line.number("max", request.max);
  line.end();
  WEIR_TRY(const JsonDocument answer,
           read_document(port_.post("/internal/task-claim", std::move(body), kAnswerTimeout)));
  const JsonValue results = answer.root().find("results");
  if (!results.is_array()) {
    return base::unavailable("answer_invalid", "a claim was answered without results");
  }
  ClaimAnswer claim;
  const JsonValue more = answer.root().find("more");
  claim.more = more.is_bool() && more.kind() == JsonKind::True;
  for (const JsonValue entry : results) {
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
