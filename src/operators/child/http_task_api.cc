// SPDX-License-Identifier: Apache-2.0
#include "operators/child/http_task_api.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/json_line.h"
#include "base/text.h"
#include "drivers/http/http_client.h"
#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/limits.h"

namespace weir::operators {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kJsonLines = "application/jsonl";
constexpr std::string_view kParquet = "application/vnd.apache.parquet";

/// Problems of section 3.2: the attempt is over.
constexpr std::array<std::string_view, 5> kFenceCodes = {
    "stale_attempt", "lease_mismatch", "lease_expired", "task_finished", "task_canceled"};
/// What was committed is not there yet, or not whole: another attempt writes it anew.
constexpr std::array<std::string_view, 2> kCommitCodes = {"commit_incomplete", "revision_conflict"};

Code code_of(int status, std::string_view reason) {
  if (std::ranges::find(kFenceCodes, reason) != kFenceCodes.end()) return Code::Aborted;
  if (std::ranges::find(kCommitCodes, reason) != kCommitCodes.end()) return Code::Unavailable;
  if (status == 404) return Code::NotFound;
  if (status == 401 || status == 403) return Code::PermissionDenied;
  if (status == 429 || status >= 500) return Code::Unavailable;
  if (status == 409 || status == 422) return Code::FailedPrecondition;
  return Code::InvalidArgument;
}

std::string_view media_type(RowsFormat format) {
  return format == RowsFormat::Parquet ? kParquet : kJsonLines;
}

/// Adds `name=value` to a path.
void add_parameter(std::string& path, std::string_view name, std::string_view value) {
  path += path.find('?') == std::string::npos ? '?' : '&';
  path += name;
  path += '=';
  path += base::percent_encode(value);
}

std::string rows_path(const RowsQuery& query) {
  std::string path = "/v1/task/rows";
  add_parameter(path, "relation", query.relation);
  add_parameter(path, "cursor_column", query.cursor_column);
  if (query.start) add_parameter(path, "start", std::to_string(*query.start));
  if (query.end) add_parameter(path, "end", std::to_string(*query.end));
  return path;
}

Error answer_invalid(const Error& cause) {
  return retryable_error("answer_invalid", "the task API: " + cause.message());
}

std::chrono::milliseconds millis(Duration span) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(span);
}

Result<EmitAnswer> read_emit_answer(JsonValue root) {
  EmitAnswer answer;
  for (const JsonValue item : root.find("results")) {
    EventAccepted event;
    WEIR_TRY(event.event_id, needed_uuid(item, "event_id"));
    WEIR_TRY(event.seq, needed_whole(item, "seq"));
    WEIR_TRY(const auto duplicate, optional_bool(item, "duplicate"));
    event.duplicate = duplicate.value_or(false);
    answer.events.push_back(event);
  }
  WEIR_TRY(answer.state_revision, optional_whole(root, "state_revision"));
  return answer;
}

Result<OperatorState> read_state_answer(JsonValue root) {
  OperatorState state;
  WEIR_TRY(auto text, optional_object(root, "state"));
  if (text) state.state = *std::move(text);
  WEIR_TRY(state.revision, needed_whole(root, "revision"));
  return state;
}

Result<StoredObject> read_object_answer(JsonValue root) {
  StoredObject object;
  WEIR_TRY(object.uri, needed_text(root, "uri"));
  WEIR_TRY(object.sha256, needed_text(root, "sha256"));
  WEIR_TRY(const std::int64_t size, needed_whole(root, "size"));
  object.size = static_cast<std::uint64_t>(std::max<std::int64_t>(size, 0));
  return object;
}

}  // namespace

Error problem_error(int status, std::string_view body) {
  std::string reason = "http_" + std::to_string(status);
  std::string message = "the task API answered " + std::to_string(status);
  if (const auto document = parse_object(body, "problem"); document.ok()) {
    const JsonValue root = document->root();
    if (root.find("code").is_text()) reason = root.find("code").text();
    if (root.find("detail").is_text()) message = root.find("detail").text();
  }
  const Code code = code_of(status, reason);
  return {code, std::move(reason), std::move(message)};
}

/// Calls, their repetition, and their answers.
class HttpTaskApi::Wire {
 public:
  Wire(std::unique_ptr<http::HttpClient> client, Clock& clock)
      : client_(std::move(client)), clock_(clock) {}

  /// Makes a call until it is answered. `again` is asked before each repetition: it brings a body
  /// back to its beginning, or says that the call cannot be repeated.
  template <class Again>
  Result<http::Reply> call(const http::Call& request, Again again) {
    Duration pause = kTaskApiPause;
    for (int tried = 1;; ++tried) {
      auto reply = client_->request(request);
      Error fault = reply.ok() ? problem_error(reply->status, reply->body) : reply.error();
      if (reply.ok() && reply->status >= 200 && reply->status < 300) return reply;
      const bool repeat =
          fault.code() == Code::Unavailable && fault.reason() != "revision_conflict";
      if (!repeat || tried == kTaskApiTries) return fault;
      WEIR_CHECK(again());
      clock_.sleep_for(pause);
      pause *= 2;
    }
  }

  /// A call with a small JSON body, and its JSON answer.
  Result<JsonDocument> post(std::string path, std::string body) {
    http::Call request;
    request.method = "POST";
    request.path = std::move(path);
    request.headers = {{"Content-Type", std::string(kJson)}};
    request.body = std::move(body);
    WEIR_TRY(const http::Reply reply, call(request, [] { return Result<void>(); }));
    return parse_answer(reply);
  }

  /// Sends a body of any size.
  Result<JsonDocument> put(std::string path, std::string_view type, storage::ByteSource& bytes) {
    http::Call request;
    request.method = "PUT";
    request.path = std::move(path);
    request.headers = {{"Content-Type", std::string(type)}};
    request.source = [&](std::span<char> into) { return bytes.read(into); };
    request.source_bytes = bytes.size();
    request.total_timeout = millis(kRowsTimeout);
    WEIR_TRY(const http::Reply reply, call(request, [&] { return bytes.rewind(); }));
    return parse_answer(reply);
  }

  static Result<JsonDocument> parse_answer(const http::Reply& reply) {
    auto document = parse_object(reply.body.empty() ? "{}" : reply.body, "answer");
    if (!document.ok()) return answer_invalid(document.error());
    return document;
  }

 private:
  std::unique_ptr<http::HttpClient> client_;
  Clock& clock_;
};

HttpTaskApi::HttpTaskApi(std::unique_ptr<Wire> wire) : wire_(std::move(wire)) {}
HttpTaskApi::~HttpTaskApi() = default;

Result<std::unique_ptr<HttpTaskApi>> HttpTaskApi::open(const std::string& endpoint, Clock& clock) {
  auto client = http::HttpClient::create({.base = endpoint,
                                          .total_timeout = millis(kTaskApiTimeout),
                                          .body_bytes_max = kAnswerBytesMax},
                                         clock);
  if (!client.ok()) return fatal_error("environment_invalid", client.error().message());
  return std::unique_ptr<HttpTaskApi>(
      new HttpTaskApi(std::make_unique<Wire>(*std::move(client), clock)));
}

Result<EmitAnswer> HttpTaskApi::emit(const EmitCall& call) {
  WEIR_TRY(const auto document, wire_->post("/v1/task/events", write_emit_call(call)));
  auto answer = read_emit_answer(document.root());
  if (!answer.ok()) return answer_invalid(answer.error());
  return answer;
}

Result<OperatorState> HttpTaskApi::operator_state(std::string_view state_key) {
  std::string body;
  JsonLine(body).text("state_key", state_key).end();
  WEIR_TRY(const auto document, wire_->post("/v1/task/operator-state", std::move(body)));
  auto state = read_state_answer(document.root());
  if (!state.ok()) return answer_invalid(state.error());
  return state;
}

Result<RowsWritten> HttpTaskApi::put_rows(const RowsTarget& target, RowsFormat format,
                                          storage::ByteSource& rows) {
  std::string path = "/v1/task/rows";
  add_parameter(path, "output", std::to_string(target.output));
  if (target.partition_key) {
    add_parameter(path, "partition_key", *target.partition_key);
  } else if (target.cursor) {
    const auto* number = std::get_if<std::int64_t>(&*target.cursor);
    add_parameter(path, "cursor",
                  number ? std::to_string(*number) : std::get<std::string>(*target.cursor));
  }
  WEIR_TRY(const auto document, wire_->put(std::move(path), media_type(format), rows));
  RowsWritten written;
  const auto count = optional_whole(document.root(), "rows");
  const auto applied = optional_bool(document.root(), "applied");
  if (!count.ok()) return answer_invalid(count.error());
  if (!applied.ok()) return answer_invalid(applied.error());
  written.rows = count->value_or(0);
  written.applied = applied->value_or(true);
  return written;
}

Result<void> HttpTaskApi::get_rows(const RowsQuery& query, RowsFormat format,
                                   const RowsSink& sink) {
  bool begun = false;
  http::Call request;
  request.path = rows_path(query);
  request.headers = {{"Accept", std::string(media_type(format))}};
  request.sink = [&](std::string_view bytes) {
    begun = true;
    return sink(bytes);
  };
  request.total_timeout = millis(kRowsTimeout);
  // What was handed on cannot be taken back.
  WEIR_CHECK(wire_->call(request, [&]() -> Result<void> {
    if (!begun) return {};
    return retryable_error("rows_cut", "the rows ended before their end");
  }));
  return {};
}

Result<std::int64_t> HttpTaskApi::delete_rows(const RowsQuery& query) {
  http::Call request;
  request.method = "DELETE";
  request.path = rows_path(query);
  request.total_timeout = millis(kRowsTimeout);
  WEIR_TRY(const http::Reply reply, wire_->call(request, [] { return Result<void>(); }));
  WEIR_TRY(const auto document, Wire::parse_answer(reply));
  const auto count = optional_whole(document.root(), "rows");
  if (!count.ok()) return answer_invalid(count.error());
  return count->value_or(0);
}

Result<StoredObject> HttpTaskApi::put_object(std::string_view name, std::optional<int> output,
                                             storage::ByteSource& bytes) {
  std::string path = "/v1/task/objects/";
  path += name;
  if (output) add_parameter(path, "output", std::to_string(*output));
  WEIR_TRY(const auto document, wire_->put(std::move(path), "application/octet-stream", bytes));
  auto object = read_object_answer(document.root());
  if (!object.ok()) return answer_invalid(object.error());
  return object;
}

Result<HeartbeatAnswer> HttpTaskApi::heartbeat(const Progress& progress) {
  std::string body;
  JsonLine line(body);
  line.key("progress");
  JsonLine inner(body);
  if (progress.fraction) inner.raw("fraction", std::to_string(*progress.fraction));
  if (!progress.message.empty()) inner.text("message", progress.message);
  if (progress.caught_up) inner.flag("caught_up", true);
  inner.end();
  line.end();
  WEIR_TRY(const auto document, wire_->post("/v1/task/heartbeat", std::move(body)));
  const JsonValue root = document.root();
  HeartbeatAnswer answer;
  answer.canceled = root.find("status").text() == "canceled";
  answer.paused = root.find("paused").is_bool() && root.find("paused").kind() == JsonKind::True;
  return answer;
}

}  // namespace weir::operators
