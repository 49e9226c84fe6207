// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/task_words.h"

#include <array>
#include <cstddef>

namespace weir::dispatcher {
namespace {

using namespace std::string_view_literals;

// The words of a set, in the order of its enumerators.
constexpr std::array kTaskKindWords = {"reactive"sv, "source_run"sv, "recompute"sv, "sink"sv,
                                       "check"sv};
constexpr std::array kTaskStateWords = {"queued"sv,    "running"sv, "retry_wait"sv,
                                        "completed"sv, "failed"sv,  "canceled"sv};
constexpr std::array kTaskClassWords = {"live"sv, "replay"sv, "backfill"sv, "recompute"sv,
                                        "manual"sv};
constexpr std::array kEffectsWords = {"fire"sv, "suppress"sv};
constexpr std::array kCancelReasonWords = {"rollback"sv, "superseded"sv, "user"sv, "timeout"sv,
                                           "dag_removed"sv};
constexpr std::array kAttemptStateWords = {"active"sv, "expired"sv, "closed"sv};
constexpr std::array kOutcomeWords = {"success"sv,  "retryable_error"sv, "fatal_error"sv,
                                      "canceled"sv, "released"sv,        "lease_expired"sv,
                                      "timeout"sv};
constexpr std::array kDispatchWords = {"building"sv, "open"sv, "stopped"sv};
constexpr std::array kQueueRuntimeWords = {"lambda"sv, "ecs_platform"sv, "dispatcher"sv, "sink"sv,
                                           "query"sv};
constexpr std::array kQueueLevelWords = {"backfill"sv, "low"sv, "normal"sv, "high"sv};
constexpr std::array kOutboxKindWords = {"task_wakeup"sv, "invoke"sv, "control_event"sv};
constexpr std::array kOutboxStateWords = {"pending"sv, "sending"sv, "sent"sv, "dead"sv};
constexpr std::array kPublishStateWords = {"accepted"sv, "committed"sv, "dead"sv};

/// Levels are numbered from -1.
constexpr int kFirstLevel = static_cast<int>(QueueLevel::Backfill);

template <class Set, class Words>
std::optional<Set> parse_set(const Words& words, std::string_view text, int first = 0) {
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (words[at] == text) return static_cast<Set>(static_cast<int>(at) + first);
  }
  return std::nullopt;
}

template <class Set, class Words>
std::string_view word_of(const Words& words, Set member, int first = 0) {
  return words.at(static_cast<std::size_t>(static_cast<int>(member) - first));
}

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
  return parse_set<TaskKind>(kTaskKindWords, text);
}
std::optional<TaskState> parse_task_state(std::string_view text) {
  return parse_set<TaskState>(kTaskStateWords, text);
}
std::optional<TaskClass> parse_task_class(std::string_view text) {
  return parse_set<TaskClass>(kTaskClassWords, text);
}
std::optional<Effects> parse_effects(std::string_view text) {
  return parse_set<Effects>(kEffectsWords, text);
}
std::optional<CancelReason> parse_cancel_reason(std::string_view text) {
  return parse_set<CancelReason>(kCancelReasonWords, text);
}
std::optional<AttemptState> parse_attempt_state(std::string_view text) {
  return parse_set<AttemptState>(kAttemptStateWords, text);
}
std::optional<Outcome> parse_outcome(std::string_view text) {
  return parse_set<Outcome>(kOutcomeWords, text);
}
std::optional<Dispatch> parse_dispatch(std::string_view text) {
  return parse_set<Dispatch>(kDispatchWords, text);
}
std::optional<QueueRuntime> parse_queue_runtime(std::string_view text) {
  return parse_set<QueueRuntime>(kQueueRuntimeWords, text);
}
std::optional<QueueLevel> parse_queue_level(std::string_view text) {
  return parse_set<QueueLevel>(kQueueLevelWords, text, kFirstLevel);
}
std::optional<OutboxKind> parse_outbox_kind(std::string_view text) {
  return parse_set<OutboxKind>(kOutboxKindWords, text);
}
std::optional<OutboxState> parse_outbox_state(std::string_view text) {
  return parse_set<OutboxState>(kOutboxStateWords, text);
}
std::optional<PublishState> parse_publish_state(std::string_view text) {
  return parse_set<PublishState>(kPublishStateWords, text);
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
