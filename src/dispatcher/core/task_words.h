// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The closed sets of section 4's columns and their texts: `word` gives the text that the database
/// and the wire have, `parse_<set>` reads it, or gives nothing.
namespace weir::dispatcher {

enum class TaskKind : std::uint8_t { Reactive, SourceRun, Recompute, Sink, Check };

enum class TaskState : std::uint8_t { Queued, Running, RetryWait, Completed, Failed, Canceled };
inline constexpr int kTaskStates = 6;

/// Why a task exists; inherited along the causal chain.
enum class TaskClass : std::uint8_t { Live, Replay, Backfill, Recompute, Manual };

/// Whether side effects that a task causes fire or are only recorded.
enum class Effects : std::uint8_t { Fire, Suppress };

enum class CancelReason : std::uint8_t { Rollback, Superseded, User, Timeout, DagRemoved };

/// Active: leased. Expired: reaped, and its late report still counts (3.2). Closed: over.
enum class AttemptState : std::uint8_t { Active, Expired, Closed };

enum class Outcome : std::uint8_t {
  Success,
  RetryableError,
  FatalError,
  Canceled,
  Released,
  LeaseExpired,  ///< the reaper's
  Timeout,       ///< of whatever an attempt reported after its hard timeout
};

/// Building: only backfill and recompute run. Open: active. Stopped: left by a switch.
enum class Dispatch : std::uint8_t { Building, Open, Stopped };

/// Who serves a queue, and how urgent it is (6.4).
enum class QueueRuntime : std::uint8_t { Lambda, EcsPlatform, Dispatcher, Sink, Query };
enum class QueueLevel : std::int8_t { Backfill = -1, Low = 0, Normal = 1, High = 2 };

enum class OutboxKind : std::uint8_t { TaskWakeup, Invoke, ControlEvent };
enum class OutboxState : std::uint8_t { Pending, Sending, Sent, Dead };

enum class PublishState : std::uint8_t { Accepted, Committed, Dead };

std::string_view word(TaskKind kind);
std::string_view word(TaskState state);
std::string_view word(TaskClass task_class);
std::string_view word(Effects effects);
std::string_view word(CancelReason reason);
std::string_view word(AttemptState state);
std::string_view word(Outcome outcome);
std::string_view word(Dispatch dispatch);
std::string_view word(QueueRuntime runtime);
std::string_view word(QueueLevel level);
std::string_view word(OutboxKind kind);
std::string_view word(OutboxState state);
std::string_view word(PublishState state);

std::optional<TaskKind> parse_task_kind(std::string_view text);
std::optional<TaskState> parse_task_state(std::string_view text);
std::optional<TaskClass> parse_task_class(std::string_view text);
std::optional<Effects> parse_effects(std::string_view text);
std::optional<CancelReason> parse_cancel_reason(std::string_view text);
std::optional<AttemptState> parse_attempt_state(std::string_view text);
std::optional<Outcome> parse_outcome(std::string_view text);
std::optional<Dispatch> parse_dispatch(std::string_view text);
std::optional<QueueRuntime> parse_queue_runtime(std::string_view text);
std::optional<QueueLevel> parse_queue_level(std::string_view text);
std::optional<OutboxKind> parse_outbox_kind(std::string_view text);
std::optional<OutboxState> parse_outbox_state(std::string_view text);
std::optional<PublishState> parse_publish_state(std::string_view text);

/// `tasks.<runtime>.<level>`.
struct QueueName {
  QueueRuntime runtime = QueueRuntime::EcsPlatform;
  QueueLevel level = QueueLevel::Normal;

  std::string text() const;

  friend bool operator==(const QueueName&, const QueueName&) = default;
  friend auto operator<=>(const QueueName&, const QueueName&) = default;
};
std::optional<QueueName> parse_queue_name(std::string_view text);

/// True of completed, failed and canceled.
constexpr bool is_terminal(TaskState state) { return state >= TaskState::Completed; }

/// True of the kinds that a stop of their build passes over and that no gate holds (5.1).
constexpr bool outlives_its_build(TaskKind kind) {
  return kind == TaskKind::Sink || kind == TaskKind::Check;
}

}  // namespace weir::dispatcher
