// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dispatcher/core/transitions.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

/// "T5" of a change, "same" of a repeat, the code or reason of a refusal, "-" of nothing done. A
/// refusal with a change has both.
template <class Reply>
std::string outcome_of(const Decision<Reply>& decision) {
  std::string text;
  if (!decision.change.empty()) {
    const std::string_view name = word(decision.change.transition);
    text = name.starts_with('T') ? std::string(name.substr(0, name.find(' '))) : "bell";
  }
  if (decision.refused) {
    if (!text.empty()) text += '+';
    const Refusal& refusal = *decision.refused;
    text += refusal.reason ? word(*refusal.reason) : word(refusal.code);
  }
  if constexpr (requires { decision.reply.duplicate; }) {
    if (!decision.refused && decision.reply.duplicate) text += "same";
  }
  return text.empty() ? "-" : text;
}

using Try = std::function<std::string(const TaskView&)>;

template <class Command>
Try trying(Command command, BuildFacts build = open_build()) {
  return [command, build](const TaskView& view) {
    return outcome_of(decide(view, build, command, kNow));
  };
}

/// By whoever holds, or held, the task's current attempt; a stranger where there is none.
Try reporting(Outcome outcome) {
  return [outcome](const TaskView& view) {
    CompleteCommand command = report_of(running(), outcome);
    if (view.attempt) command.fence = fence_of(view);
    return outcome_of(decide(view, open_build(), command, kNow));
  };
}

std::string beat(const TaskView& view) {
  const Fence fence = view.attempt ? fence_of(view) : fence_of(running());
  return outcome_of(decide(view, open_build(), HeartbeatCommand{fence}, kNow));
}

struct Row {
  std::string_view state;
  TaskView view;
  std::vector<std::string_view> expected;
};

std::vector<std::pair<std::string_view, Try>> commands() {
  const CancelCommand stop{CancelCause::BuildStopped, CancelReason::Superseded};
  return {{"claim", trying(claim_by(9))},
          {"heartbeat", beat},
          {"success", reporting(Outcome::Success)},
          {"retryable_error", reporting(Outcome::RetryableError)},
          {"fatal_error", reporting(Outcome::FatalError)},
          {"canceled", reporting(Outcome::Canceled)},
          {"released", reporting(Outcome::Released)},
          {"expire", trying(ExpireCommand{kMiddleDraw})},
          {"retry due", trying(RetryDueCommand{})},
          {"deadline", trying(DeadlineCommand{})},
          {"cancel", trying(CancelCommand{})},
          {"build stopped", trying(stop)},
          {"build reopened", trying(ReopenCommand{})},
          {"user retry", trying(RetryCommand{})},
          {"ring", trying(RingCommand{})}};
}

TaskView due(TaskView view) {
  view.task.life.next_retry_at = kNow;
  return view;
}

TaskView past_deadline() {
  TaskView view = running();
  view.task.life.deadline_at = kNow;
  return view;
}

TaskView not_yet() {
  TaskView view = queued();
  view.task.life.available_at = kNow + kSecond;
  view.task.life.woken_at.reset();
  return view;
}

TaskView unheard() {
  TaskView view = queued();
  view.task.life.woken_at = kNow - 60 * kSecond;
  return view;
}

constexpr std::string_view kOver = "task_finished";
constexpr std::string_view kNever = "not_supported";

// Columns: claim, heartbeat; success, retryable_error, fatal_error, canceled, released; expire,
// retry due, deadline; cancel, build stopped; build reopened, user retry; ring.
std::vector<Row> live_rows() {
  return {{"queued",
           queued(),
           {"T2", "lease_mismatch", "lease_mismatch", "lease_mismatch", "lease_mismatch",
            "lease_mismatch", "lease_mismatch", "-", "-", "-", "T9", "T9", "-", kNever, "-"}},
          {"queued, its wake-up lost",
           unheard(),
           {"T2", "lease_mismatch", "lease_mismatch", "lease_mismatch", "lease_mismatch",
            "lease_mismatch", "lease_mismatch", "-", "-", "-", "T9", "T9", "-", kNever, "bell"}},
          {"queued, not available yet",
           not_yet(),
           {"bell+not_due", "lease_mismatch", "lease_mismatch", "lease_mismatch", "lease_mismatch",
            "lease_mismatch", "lease_mismatch", "-", "-", "-", "T9", "T9", "-", kNever, "-"}},
          {"running",
           running(),
           {"already_running", "T3", "T4", "T5", "T6", "T5", "T14", "-", "-", "-", "T10", "T10",
            "-", kNever, "-"}},
          {"running, the last attempt",
           running(3),
           {"already_running", "T3", "T4", "T6", "T6", "T6", "T14", "-", "-", "-", "T10", "T10",
            "-", kNever, "-"}},
          {"running, its lease expired",
           lapsed(),
           {"T5+not_due", "T3", "T4", "T5", "T6", "T5", "T14", "T5", "-", "-", "T10", "T10", "-",
            kNever, "-"}},
          {"running, the last lease expired",
           lapsed(3),
           {"T6+failed", "T3", "T4", "T6", "T6", "T6", "T14", "T6", "-", "-", "T10", "T10", "-",
            kNever, "-"}},
          {"running past its deadline",
           past_deadline(),
           {"already_running", "T10", "T4", "T5", "T6", "T5", "T14", "-", "-", "T10", "T10", "T10",
            "-", kNever, "-"}},
          {"asked to stop",
           canceling(CancelReason::User),
           {"already_running", "T3", "T11", "T11", "T11", "T11", "T11", "-", "-", "-", "-", "-",
            "-", kNever, "-"}},
          {"asked to stop by the time-out",
           canceling(CancelReason::Timeout),
           {"already_running", "T3", "T5", "T5", "T5", "T5", "T5", "-", "-", "-", "T10", "T10", "-",
            kNever, "-"}},
          {"waiting after a report",
           waiting(),
           {"not_due", kOver, kOver, "same", kOver, "same", kOver, "-", "-", "-", "T9", "T9", "-",
            kNever, "-"}},
          {"waiting, the retry due",
           due(waiting()),
           {"not_due", kOver, kOver, "same", kOver, "same", kOver, "-", "T7", "-", "T9", "T9", "-",
            kNever, "-"}},
          {"waiting after the reaper",
           late(),
           {"not_due", "lease_expired", "T8", "T8", "T8", "T8", "T8", "-", "-", "-", "T9", "T9",
            "-", kNever, "-"}}};
}

std::vector<Row> final_rows() {
  return {
      {"completed",
       completed(),
       {"completed", kOver, "same", kOver, kOver, kOver, kOver, "-", "-", "-", kOver, kOver, "-",
        kOver, "-"}},
      {"failed",
       failed(),
       {"failed", kOver, kOver, kOver, "same", kOver, kOver, "-", "-", "-", kOver, kOver, "-",
        "T13", "-"}},
      {"canceled by a user",
       canceled(CancelReason::User),
       {"canceled", kOver, "same", "same", "same", "same", "same", "-", "-", "-", "-", "-", "-",
        "T13", "-"}},
      {"canceled by a switch",
       canceled(CancelReason::Superseded),
       {"canceled", kOver, "same", "same", "same", "same", "same", "-", "-", "-", "-", "-", "T12",
        kOver, "-"}},
      {"canceled by a rollback",
       canceled(CancelReason::Rollback),
       {"canceled", kOver, "same", "same", "same", "same", "same", "-", "-", "-", "-", "-", "T12",
        kOver, "-"}},
      {"canceled, its DAG gone",
       canceled(CancelReason::DagRemoved),
       {"canceled", kOver, "same", "same", "same", "same", "same", "-", "-", "-", "-", "-", "-",
        kOver, "-"}},
  };
}

std::vector<Row> rows() {
  std::vector<Row> all = live_rows();
  for (const Row& row : final_rows()) all.push_back(row);
  return all;
}

TEST(TransitionTable, SaysOfEveryStateAndCommandWhatComesOfThem) {
  const auto columns = commands();
  for (const Row& row : rows()) {
    ASSERT_EQ(row.expected.size(), columns.size()) << row.state;
    for (std::size_t at = 0; at < columns.size(); ++at) {
      EXPECT_EQ(columns[at].second(row.view), row.expected[at])
          << row.state << ": " << columns[at].first;
    }
  }
}

TEST(TransitionTable, LeavesFinalStatesOnlyByRetryAndReopening) {
  for (const Row& row : rows()) {
    if (!is_terminal(row.view.task.life.state)) continue;
    for (const auto& [name, command] : commands()) {
      const std::string came = command(row.view);
      EXPECT_TRUE(!came.starts_with('T') || came == "T12" || came == "T13")
          << row.state << ": " << name << ": " << came;
    }
  }
}

TEST(TransitionTable, KnowsNothingOfATaskThatIsNotThere) {
  TaskView unknown;
  unknown.presence = Presence::Unknown;
  for (const auto& [name, command] : commands()) {
    const std::string came = command(unknown);
    EXPECT_TRUE(came == "task_not_found" || came == "-") << name << ": " << came;
  }
}

TEST(TransitionTable, MovesNothingThatIsInHistory) {
  TaskView archived = failed();
  archived.presence = Presence::Archived;
  for (const auto& [name, command] : commands()) {
    const std::string came = command(archived);
    const bool right = came == "-" || came == kOver || came == "failed" || came == "task_archived";
    EXPECT_TRUE(right) << name << ": " << came;
  }
  EXPECT_EQ(trying(RetryCommand{})(archived), "task_archived");
}

TEST(TransitionTable, LetsNobodyCancelASink) {
  const CancelCommand stopped{CancelCause::BuildStopped, CancelReason::Superseded};
  const CancelCommand ended{CancelCause::DeployEnded, CancelReason::Superseded};
  for (TaskView view : {queued(), running(), waiting()}) {
    view.task.kind = TaskKind::Sink;
    EXPECT_EQ(trying(CancelCommand{})(view), kNever);
    EXPECT_EQ(trying(stopped)(view), "-");
    EXPECT_EQ(trying(ended)(view), "-");
  }
}

TEST(TransitionTable, CancelsAChecksTaskWithItsDeployNotItsBuild) {
  const CancelCommand stopped{CancelCause::BuildStopped, CancelReason::Superseded};
  const CancelCommand ended{CancelCause::DeployEnded, CancelReason::Superseded};
  TaskView check = queued();
  check.task.kind = TaskKind::Check;
  EXPECT_EQ(trying(stopped)(check), "-");
  EXPECT_EQ(trying(ended)(check), "T9");
  TaskView over = canceled(CancelReason::Superseded);
  over.task.kind = TaskKind::Check;
  EXPECT_EQ(trying(ReopenCommand{})(over), "-");
  TaskView measured = failed();
  measured.task.kind = TaskKind::Check;
  EXPECT_EQ(trying(RetryCommand{})(measured), kNever);
}

}  // namespace
}  // namespace weir::dispatcher
