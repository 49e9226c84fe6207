// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/task_words.h"

#include <array>

#include "base/enum_words.h"

namespace weir::dispatcher {
namespace {

using base::enum_of;
using base::word_of;

// The words of a set, in the order of its enumerators.
constexpr std::array<std::string_view, 5> kTaskKindWords = {"reactive", "source_run", "recompute",
                                                            "sink", "check"};
constexpr std::array<std::string_view, 6> kTaskStateWords = {"queued",    "running", "retry_wait",
                                                             "completed", "failed",  "canceled"};
constexpr std::array<std::string_view, 5> kTaskClassWords = {"live", "replay", "backfill",
                                                             "recompute", "manual"};
constexpr std::array<std::string_view, 2> kEffectsWords = {"fire", "suppress"};
constexpr std::array<std::string_view, 5> kCancelReasonWords = {"rollback", "superseded", "user",
                                                                "timeout", "dag_removed"};
constexpr std::array<std::string_view, 3> kAttemptStateWords = {"active", "expired", "closed"};
constexpr std::array<std::string_view, 7> kOutcomeWords = {
    "success",  "retryable_error", "fatal_error", "canceled",
    "released", "lease_expired",   "timeout"};
constexpr std::array<std::string_view, 3> kDispatchWords = {"building", "open", "stopped"};
constexpr std::array<std::string_view, 5> kQueueRuntimeWords = {"lambda", "ecs_platform",
                                                                "dispatcher", "sink", "query"};
constexpr std::array<std::string_view, 4> kQueueLevelWords = {"backfill", "low", "normal", "high"};
constexpr std::array<std::string_view, 3> kOutboxKindWords = {"task_wakeup", "invoke",
                                                              "control_event"};
constexpr std::array<std::string_view, 4> kOutboxStateWords = {"pending", "sending", "sent",
                                                               "dead"};
constexpr std::array<std::string_view, 3> kPublishStateWords = {"accepted", "committed", "dead"};

/// Levels are numbered from -1.
constexpr int kFirstLevel = static_cast<int>(QueueLevel::Backfill);

}  // namespace

std::string_view word(TaskKind kind) { return word_of(kTaskKindWords, kind); }
std::string_view word(TaskState state) { return word_of(kTaskStateWords, state); }
std::string_view word(TaskClass task_class) { return word_of(kTaskClassWords, task_class); }
std::string_view word(Effects effects) { return word_of(kEffectsWords, effects); }
std::string_view word(CancelReason reason) { return word_of(kCancelReasonWords, reason); }
std::string_view word(AttemptState state) { return word_of(kAttemptStateWords, state); }
std::string_view word(Outcome outcome) { return word_of(kOutcomeWords, outcome); }
std::string_view word(Dispatch dispatch) { return word_of(kDispatchWords, dispatch); }
std::string_view word(QueueRuntime runtime) { return word_of(kQueueRuntimeWords, runtime); }
std::string_view word(QueueLevel level) { return word_of(kQueueLevelWords, level, kFirstLevel); }
std::string_view word(OutboxKind kind) { return word_of(kOutboxKindWords, kind); }
std::string_view word(OutboxState state) { return word_of(kOutboxStateWords, state); }
std::string_view word(PublishState state) { return word_of(kPublishStateWords, state); }

std::optional<TaskKind> parse_task_kind(std::string_view text) {
  return enum_of<TaskKind>(kTaskKindWords, text);
}
std::optional<TaskState> parse_task_state(std::string_view text) {
  return enum_of<TaskState>(kTaskStateWords, text);
}
std::optional<TaskClass> parse_task_class(std::string_view text) {
  return enum_of<TaskClass>(kTaskClassWords, text);
}
std::optional<Effects> parse_effects(std::string_view text) {
  return enum_of<Effects>(kEffectsWords, text);
}
std::optional<CancelReason> parse_cancel_reason(std::string_view text) {
  return enum_of<CancelReason>(kCancelReasonWords, text);
}
std::optional<AttemptState> parse_attempt_state(std::string_view text) {
  return enum_of<AttemptState>(kAttemptStateWords, text);
}
std::optional<Outcome> parse_outcome(std::string_view text) {
  return enum_of<Outcome>(kOutcomeWords, text);
}
std::optional<Dispatch> parse_dispatch(std::string_view text) {
  return enum_of<Dispatch>(kDispatchWords, text);
}
std::optional<QueueRuntime> parse_queue_runtime(std::string_view text) {
  return enum_of<QueueRuntime>(kQueueRuntimeWords, text);
}
std::optional<QueueLevel> parse_queue_level(std::string_view text) {
  return enum_of<QueueLevel>(kQueueLevelWords, text, kFirstLevel);
}
std::optional<OutboxKind> parse_outbox_kind(std::string_view text) {
  return enum_of<OutboxKind>(kOutboxKindWords, text);
}
std::optional<OutboxState> parse_outbox_state(std::string_view text) {
  return enum_of<OutboxState>(kOutboxStateWords, text);
}
std::optional<PublishState> parse_publish_state(std::string_view text) {
  return enum_of<PublishState>(kPublishStateWords, text);
}

std::string QueueName::text() const {
  std::string text = "tasks.";
  text += word(runtime);
  text += '.';
  text += word(level);
  return text;
}

std::optional<QueueName> parse_queue_name(std::string_view text) {
  constexpr std::string_view kPrefix = "tasks.";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto runtime = parse_queue_runtime(text.substr(0, dot));
  const auto level = parse_queue_level(text.substr(dot + 1));
  if (!runtime || !level) return std::nullopt;
  return QueueName{*runtime, *level};
}

}  // namespace weir::dispatcher
