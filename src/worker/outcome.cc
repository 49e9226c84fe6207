// SPDX-License-Identifier: Apache-2.0
#include "worker/outcome.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "worker/limits.h"

namespace weir::worker {
namespace {

using Json = nlohmann::json;

constexpr int kRetryableExit = 75;
constexpr int kFatalExitFirst = 64;
constexpr int kFatalExitLast = 78;
constexpr std::size_t kErrorCodeBytesMax = 128;

Completion completion_of(const Claimed& claimed, std::string outcome) {
  Completion completion;
  completion.task_id = claimed.payload.task_id.text();
  completion.attempt = claimed.payload.attempt;
  completion.lease_token = claimed.lease_token;
  completion.outcome = std::move(outcome);
  return completion;
}

/// The beginning of a text, cut between letters.
std::string first_bytes(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return std::string(text.substr(0, end));
}

std::string error_text(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Completion failure(const Claimed& claimed, const ChildEnd& end, const Json& last) {
  const int code = end.exit.code;
  const bool fatal = end.exit.signal == 0 && code >= kFatalExitFirst && code <= kFatalExitLast &&
                     code != kRetryableExit;
  Completion completion = completion_of(claimed, fatal ? "fatal_error" : "retryable_error");
  completion.error_code = end.exit.signal != 0 ? "signal_" + std::to_string(end.exit.signal)
                                               : "exit_" + std::to_string(code);
  completion.error_message = end.last_complaint.empty() ? end.exit.text() : end.last_complaint;
  if (last.is_object() && last.contains("error") && last["error"].is_object()) {
    const std::string said = error_text(last["error"], "code");
    if (!said.empty()) completion.error_code = first_bytes(said, kErrorCodeBytesMax);
    const std::string message = error_text(last["error"], "message");
    if (!message.empty()) completion.error_message = message;
  }
  completion.error_message = first_bytes(completion.error_message, kErrorBytesMax);
  return completion;
}

Completion timed_out(const Claimed& claimed) {
  Completion completion = completion_of(claimed, "retryable_error");
  completion.error_code = "timeout";
  completion.error_message = "its time was over";
  return completion;
}

/// Of an operator that was stopped.
std::optional<Completion> stopped(const Claimed& claimed, const StopWish& stop) {
  switch (stop.reason) {
    case StopReason::Canceled:
      if (stop.detail == "timeout") return timed_out(claimed);
      return completion_of(claimed, "canceled");
    case StopReason::Deadline:
      return timed_out(claimed);
    case StopReason::Drain:
      return released_completion(claimed);
    case StopReason::LeaseLost: {
      if (!stop.detail.empty()) return {};
      Completion completion = completion_of(claimed, "retryable_error");
      completion.error_code = "lease_expired";
      completion.error_message = "the dispatcher was away for longer than the lease";
      return completion;
    }
    case StopReason::Finished:
    case StopReason::None:
      break;
  }
  return {};
}

}  // namespace

Completion failed_completion(const Claimed& claimed, bool retryable, const Error& error) {
  Completion completion = completion_of(claimed, retryable ? "retryable_error" : "fatal_error");
  completion.error_code = error.reason();
  completion.error_message = first_bytes(error.message(), kErrorBytesMax);
  return completion;
}

Completion released_completion(const Claimed& claimed) {
  return completion_of(claimed, "released");
}

std::optional<Completion> outcome_of(const Claimed& claimed, const Result<ChildEnd>& end) {
  if (!end.ok()) return failed_completion(claimed, true, end.error());
  if (end->stop.reason != StopReason::None) return stopped(claimed, end->stop);
  Json last;
  if (!end->last_line_cut && base::trim(end->last_line).starts_with('{')) {
    last = Json::parse(end->last_line, nullptr, false);
  }
  if (!end->exit.clean()) return failure(claimed, *end, last);
  Completion completion = completion_of(claimed, "success");
  if (last.is_object()) completion.result = end->last_line;
  return completion;
}

}  // namespace weir::worker
