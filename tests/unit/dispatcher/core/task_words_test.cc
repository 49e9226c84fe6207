// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/task_words.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

namespace weir::dispatcher {
namespace {

/// Reads back the word of every member from `first` to `last`, and returns the words.
template <class Set, class Parse>
std::set<std::string_view> words_of(Set first, Set last, Parse parse) {
  std::set<std::string_view> words;
  for (int member = static_cast<int>(first); member <= static_cast<int>(last); ++member) {
    const std::string_view text = word(static_cast<Set>(member));
    EXPECT_EQ(parse(text), static_cast<Set>(member)) << text;
    words.insert(text);
  }
  EXPECT_FALSE(parse("no such word"));
  EXPECT_FALSE(parse(""));
  return words;
}

using Words = std::set<std::string_view>;

TEST(TaskWords, AreThoseOfTheColumns) {
  EXPECT_EQ(words_of(TaskKind::Reactive, TaskKind::Check, parse_task_kind),
            (Words{"reactive", "source_run", "recompute", "sink", "check"}));
  EXPECT_EQ(words_of(TaskState::Queued, TaskState::Canceled, parse_task_state),
            (Words{"queued", "running", "retry_wait", "completed", "failed", "canceled"}));
  EXPECT_EQ(words_of(TaskClass::Live, TaskClass::Manual, parse_task_class),
            (Words{"live", "replay", "backfill", "recompute", "manual"}));
  EXPECT_EQ(words_of(Effects::Fire, Effects::Suppress, parse_effects), (Words{"fire", "suppress"}));
  EXPECT_EQ(words_of(CancelReason::Rollback, CancelReason::DagRemoved, parse_cancel_reason),
            (Words{"rollback", "superseded", "user", "timeout", "dag_removed"}));
  EXPECT_EQ(words_of(AttemptState::Active, AttemptState::Closed, parse_attempt_state),
            (Words{"active", "expired", "closed"}));
  EXPECT_EQ(words_of(Outcome::Success, Outcome::Timeout, parse_outcome),
            (Words{"success", "retryable_error", "fatal_error", "canceled", "released",
                   "lease_expired", "timeout"}));
  EXPECT_EQ(words_of(Dispatch::Building, Dispatch::Stopped, parse_dispatch),
            (Words{"building", "open", "stopped"}));
  EXPECT_EQ(words_of(OutboxKind::TaskWakeup, OutboxKind::ControlEvent, parse_outbox_kind),
            (Words{"task_wakeup", "invoke", "control_event"}));
  EXPECT_EQ(words_of(OutboxState::Pending, OutboxState::Dead, parse_outbox_state),
            (Words{"pending", "sending", "sent", "dead"}));
  EXPECT_EQ(words_of(PublishState::Accepted, PublishState::Dead, parse_publish_state),
            (Words{"accepted", "committed", "dead"}));
}

TEST(QueueNames, AreReadAsTheyAreWritten) {
  int names = 0;
  for (const std::string_view runtime :
       words_of(QueueRuntime::Lambda, QueueRuntime::Query, parse_queue_runtime)) {
    for (const std::string_view level :
         words_of(QueueLevel::Backfill, QueueLevel::High, parse_queue_level)) {
      const std::string text = "tasks." + std::string(runtime) + "." + std::string(level);
      const auto name = parse_queue_name(text);
      ASSERT_TRUE(name) << text;
      EXPECT_EQ(name->text(), text);
      ++names;
    }
  }
  EXPECT_EQ(names, 20);
  for (const std::string_view text :
       {"", "tasks.", "tasks.lambda", "tasks.lambda.urgent", "jobs.lambda.high", "tasks..high"}) {
    EXPECT_FALSE(parse_queue_name(text)) << text;
  }
}

TEST(TaskStates, AreTerminalFromCompletedOn) {
  EXPECT_FALSE(is_terminal(TaskState::Queued));
  EXPECT_FALSE(is_terminal(TaskState::Running));
  EXPECT_FALSE(is_terminal(TaskState::RetryWait));
  EXPECT_TRUE(is_terminal(TaskState::Completed));
  EXPECT_TRUE(is_terminal(TaskState::Failed));
  EXPECT_TRUE(is_terminal(TaskState::Canceled));
}

}  // namespace
}  // namespace weir::dispatcher
