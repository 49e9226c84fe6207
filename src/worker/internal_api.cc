// SPDX-License-Identifier: Apache-2.0
#include "worker/internal_api.h"

#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/json_line.h"
#include "operators/json_members.h"
#include "operators/limits.h"
#include "worker/limits.h"

namespace weir::worker {
namespace {

constexpr int kOk = 200;
constexpr int kServerFault = 500;
constexpr int kTooMany = 429;
/// Deeper than any payload that stands in an answer.
constexpr std::size_t kAnswerDepthMax = operators::kPayloadDepthMax * 2;

std::string text_of(JsonValue object, std::string_view member) {
  const JsonValue found = object.find(member);
  return found.is_text() ? std::string(found.text()) : std::string();
}

bool flag_of(JsonValue object, std::string_view member) {
  const JsonValue found = object.find(member);
  return found.is_bool() && found.kind() == JsonKind::True;
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
Result<JsonDocument> read_answer(const Result<DispatcherPort::Reply>& reply) {
  if (!reply.ok()) return reply.error();
  auto body = JsonDocument::parse(reply->body,
                                  {.depth_max = kAnswerDepthMax, .bytes_max = kAnswerBytesMax});
  const JsonValue root = body.ok() ? body->root() : JsonValue();
  if (reply->status == kOk && root.is_object()) return body;
  return answer_error(*reply, text_of(root, "code"));
}

/// The answer to a batch, whose results are as many as its items.
Result<JsonDocument> read_batch(const Result<DispatcherPort::Reply>& reply, std::size_t items) {
  WEIR_TRY(JsonDocument answer, read_answer(reply));
  const JsonValue results = answer.root().find("results");
  if (!results.is_array() || results.size() != items) {
    return base::unavailable("answer_invalid",
                             "the dispatcher's answer has not one result an item");
  }
  return answer;
}

std::optional<std::string> refusal_of(JsonValue entry) {
  const JsonValue problem = entry.find("problem");
  if (problem.missing()) return {};
  std::string code = text_of(problem, "code");
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

Result<ClaimAnswer> read_claim_answer(JsonValue answer) {
  const JsonValue results = answer.find("results");
  if (!results.is_array()) {
    return base::unavailable("answer_invalid", "a claim was answered without results");
  }
  ClaimAnswer claim;
  claim.more = flag_of(answer, "more");
  for (const JsonValue entry : results) {
    if (auto claimed = read_claimed(entry)) claim.tasks.push_back(std::move(*claimed));
  }
  return claim;
}

/// The members that name an attempt and prove its lease.
template <class Item>
JsonLine begin_item(std::string& out, const Item& item) {
  JsonLine line(out);
  line.text("task_id", item.task_id).number("attempt", item.attempt);
  line.text("lease_token", item.lease_token);
  return line;
}

void append_completion(std::string& out, const Completion& completion) {
  JsonLine line = begin_item(out, completion);
  line.text("outcome", completion.outcome);
  if (!completion.error_code.empty()) {
    line.key("error");
    JsonLine(out)
        .text("code", completion.error_code)
        .text("message", completion.error_message)
        .end();
  }
  if (!completion.result.empty()) line.raw("result", completion.result);
  line.end();
}

void append_beat(std::string& out, const Beat& beat) {
  JsonLine line = begin_item(out, beat);
  if (!beat.progress.empty()) line.raw("progress", beat.progress);
  line.end();
}

/// `{"<name>":[...]}`, each item by `append`.
template <class Items, class Append>
std::string batch_of(std::string_view name, const Items& items, Append append) {
  std::string body;
  JsonLine line(body);
  line.key(name);
  base::append_json_list(body, items, [&](const auto& item) { append(body, item); });
  line.end();
  return body;
}

}  // namespace

std::string completion_json(const Completion& completion) {
  std::string out;
  append_completion(out, completion);
  return out;
}

Result<PollAnswer> InternalApi::poll(const PollRequest& request) {
  std::string body;
  JsonLine line(body);
  line.text("worker_id", worker_id_).texts("queues", request.queues);
  line.number("max", request.max).number("wait_seconds", request.wait.count()).key("ack");
  base::append_json_list(body, request.acks, [&](const std::string& ack) { body += ack; });
  if (!request.claim_id.empty()) {
    line.key("claim");
    JsonLine(body)
        .text("claim_id", request.claim_id)
        .text("runtime", runtime_)
        .texts("operators", operators_)
        .end();
  }
  line.end();
  WEIR_TRY(const JsonDocument document, read_answer(port_.poll("/internal/wakeups", std::move(body),
                                                               request.wait + kAnswerTimeout)));
  PollAnswer answer;
  for (const JsonValue message : document.root().find("messages")) {
    const JsonValue id = message.find("message_id");
    const JsonValue receipt = message.find("receipt");
    if (id.missing() || receipt.missing()) continue;
    Wakeup& wakeup = answer.wakeups.emplace_back();
    JsonLine ack(wakeup.ack);
    ack.raw("message_id", operators::json_of(id)).raw("receipt", operators::json_of(receipt)).end();
    wakeup.task_id = text_of(message.find("payload"), "task_id");
  }
  const JsonValue claim = document.root().find("claim");
  if (claim.missing()) return answer;
  WEIR_TRY(answer.claim, read_claim_answer(claim));
  return answer;
}

Result<ClaimAnswer> InternalApi::claim(const ClaimRequest& request) {
  std::string body;
  JsonLine line(body);
  line.text("worker_id", worker_id_).text("claim_id", request.claim_id);
  line.texts("task_ids", request.task_ids).text("runtime", runtime_).texts("operators", operators_);
  if (request.max > 0) line.number("max", request.max);
  line.end();
  WEIR_TRY(const JsonDocument answer,
           read_answer(port_.post("/internal/task-claim", std::move(body), kAnswerTimeout)));
  return read_claim_answer(answer.root());
}

Result<std::vector<BeatAnswer>> InternalApi::heartbeat(const std::vector<Beat>& beats,
                                                       Duration timeout) {
  WEIR_TRY(const JsonDocument batch,
           read_batch(port_.post("/internal/heartbeat", batch_of("heartbeats", beats, append_beat),
                                 timeout),
                      beats.size()));
  std::vector<BeatAnswer> answers;
  for (const JsonValue entry : batch.root().find("results")) {
    BeatAnswer answer;
    answer.refusal = refusal_of(entry);
    const JsonValue result = entry.find("result");
    answer.canceled = text_of(result, "status") == "canceled";
    answer.cancel_reason = text_of(result, "cancel_reason");
    answer.paused = flag_of(result, "paused");
    answer.lease_expires_at = text_of(result, "lease_expires_at");
    answer.capability_token = text_of(result, "capability_token");
    answers.push_back(std::move(answer));
  }
  return answers;
}

Result<std::vector<CompletionAnswer>> InternalApi::complete(
    const std::vector<Completion>& completions) {
  WEIR_TRY(const JsonDocument batch,
           read_batch(
               port_.post("/internal/task-complete",
                          batch_of("completions", completions, append_completion), kAnswerTimeout),
               completions.size()));
  std::vector<CompletionAnswer> answers;
  for (const JsonValue entry : batch.root().find("results")) {
    CompletionAnswer answer;
    answer.refusal = refusal_of(entry);
    if (answer.refusal) {
      const std::int64_t status = number_of(entry.find("problem"), "status", 0);
      answer.try_again = status >= kServerFault || status == kTooMany;
    } else {
      answer.status = text_of(entry.find("result"), "status");
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

Result<DispatcherPort::Reply> InternalApi::forward(std::string_view path, std::string body) {
  return port_.post(path, std::move(body), kAnswerTimeout);
}

}  // namespace weir::worker
