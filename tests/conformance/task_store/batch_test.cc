// SPDX-License-Identifier: Apache-2.0
// Many items in one call (contract sections 3.3, 6.1).
#include <algorithm>
#include <set>
#include <thread>

#include "tests/conformance/task_store/tables_text.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

constexpr std::size_t kItems = 256;
constexpr std::size_t kStates = 8;  // kinds of tasks among the items
constexpr int kSendings = 100;

class TaskBatches : public TaskStoreSuite {
 protected:
  struct Item {
    TaskId task_id;
    Fence fence;
  };
  /// Tasks of `relay` in every state that a call can meet, with the fence that their last executor
  /// had; some unknown, some under a guessed token.
  std::vector<Item> make_mix() {
    const Held source = held_task("relay", 1);
    std::vector<NewEvent> events;
    for (std::size_t at = 0; at < kItems; ++at) {
      events.push_back(cursor_event(static_cast<std::int64_t>(at)));
    }
    EXPECT_TRUE(emit(source, events).ok());
    std::vector<Item> items;
    for (const TaskId& task : tasks_of("last")) items.push_back({task, {}});
    std::vector<TaskId> named;
    for (std::size_t at = 0; at < items.size(); ++at) {
      if (at % kStates != 0) named.push_back(items[at].task_id);
    }
    const ClaimAnswer claimed = claim({.worker_id = "w", .task_ids = named});
    for (const ClaimedTask& task : claimed.tasks) {
      const auto item = std::ranges::find(items, task.task_id, &Item::task_id);
      item->fence = {task.answer.reply.attempt, task.answer.reply.lease_token};
    }
    std::vector<TaskItem<CompleteCommand>> ends;
    for (std::size_t at = 0; at < items.size(); ++at) {
      const std::size_t kind = at % kStates;
      if (kind < 2 || kind > 5) continue;
      constexpr std::array kOutcomes = {Outcome::Success, Outcome::FatalError,
                                        Outcome::RetryableError, Outcome::Released};
      ends.push_back({items[at].task_id, {}});
      ends.back().command.fence = items[at].fence;
      ends.back().command.outcome = kOutcomes.at(kind - 2);
    }
    EXPECT_TRUE(store().complete(ends).ok());
    for (std::size_t at = 0; at < items.size(); ++at) {
      if (at % kStates == 6) items[at].fence.lease_token = id_named<LeaseToken>("guessed");
      if (at % kStates == 7) items[at].task_id = id_named<TaskId>(std::to_string(at));
    }
    return items;
  }
  static std::string text(const std::optional<Refusal>& refused) {
    if (!refused) return "";
    return std::string(word(refused->code)) +
           (refused->reason ? " " + std::string(word(*refused->reason)) : "");
  }
};

TEST_P(TaskBatches, B22HeartbeatsOfManyAnswerAsThoseOfOneEach) {
  const std::vector<Item> mix = make_mix();
  std::vector<TaskItem<HeartbeatCommand>> items;
  for (const Item& item : mix) items.push_back({item.task_id, {item.fence}});
  const auto answers = store().heartbeat(items);
  ASSERT_TRUE(answers.ok());
  ASSERT_EQ(answers->size(), items.size());
  std::set<std::string> kinds;
  for (std::size_t at = 0; at < items.size(); ++at) {
    const auto one = heartbeat({items[at].task_id, items[at].command.fence});
    ASSERT_EQ(text((*answers)[at].refused), text(one.refused)) << at;
    EXPECT_EQ((*answers)[at].reply.lease_expires_at, one.reply.lease_expires_at);
    kinds.insert(text(one.refused));
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"", "lease_mismatch", "task_finished", "stale_attempt",
                                          "task_not_found"}));
}

TEST_P(TaskBatches, B22TheSameRequestAHundredTimesChangesNothingMore) {
  const std::vector<Item> mix = make_mix();
  ClaimRequest claims{.worker_id = "v", .claim_id = id_named<ClaimId>("again")};
  std::vector<TaskItem<HeartbeatCommand>> beats;
  std::vector<TaskItem<CompleteCommand>> ends;
  for (const Item& item : mix) {
    claims.task_ids.push_back(item.task_id);
    beats.push_back({item.task_id, {item.fence}});
    ends.push_back({item.task_id, {}});
    ends.back().command.fence = item.fence;
  }
  const ClaimAnswer first = claim(claims);
  ASSERT_TRUE(store().heartbeat(beats).ok());
  ASSERT_TRUE(store().complete(ends).ok());
  const auto before = test::describe(tables());
  for (int sending = 0; sending < kSendings; ++sending) {
    const ClaimAnswer repeat = claim(claims);
    ASSERT_EQ(repeat.tasks.size(), first.tasks.size());
    ASSERT_TRUE(store().heartbeat(beats).ok());
    const auto ended = store().complete(ends);
    ASSERT_TRUE(ended.ok());
    for (const auto& answer : *ended) {
      EXPECT_TRUE(!answer.ok() || answer.reply.duplicate);
    }
  }
  EXPECT_EQ(test::describe(tables()), before);
}

TEST_P(TaskBatches, B22CompletionsOfManyAnswerAsThoseOfOneEach) {
  const std::vector<Item> mix = make_mix();
  std::vector<TaskItem<CompleteCommand>> items;
  for (const Item& item : mix) {
    items.push_back({item.task_id, {}});
    items.back().command.fence = item.fence;
  }
  const auto answers = store().complete(items);
  ASSERT_TRUE(answers.ok());
  for (std::size_t at = 0; at < items.size(); ++at) {
    const auto one = complete({items[at].task_id, items[at].command.fence});
    ASSERT_EQ(text((*answers)[at].refused), text(one.refused)) << at;
    if (one.ok()) {
      EXPECT_TRUE(one.reply.duplicate);
      EXPECT_EQ((*answers)[at].reply.status, one.reply.status);
    }
  }
}

TEST_P(TaskBatches, B22ThreePullingWorkersShareTenThousandTasks) {
  constexpr std::size_t kTasks = 10'000;
  const Held source = held_task("relay", 1);
  for (std::size_t done = 0; done < kTasks;) {
    std::vector<NewEvent> events;
    for (int at = 0; at < 1000; ++at) events.push_back(cursor_event(static_cast<int>(++done)));
    ASSERT_TRUE(emit(source, std::move(events)).ok());
  }
  std::array<std::vector<TaskId>, 3> claimed;
  std::vector<std::thread> workers;
  for (std::size_t at = 0; at < claimed.size(); ++at) {
    workers.emplace_back([&, at] {
      for (std::size_t empty = 0; empty < 2;) {
        const ClaimRequest request{.worker_id = "w" + std::to_string(at),
                                   .max = 64,
                                   .runtime = QueueRuntime::EcsPlatform,
                                   .operators = std::vector<OperatorName>{{"table_ingest", ""}}};
        const auto answers = store().claim(std::span(&request, 1));
        if (!answers.ok()) break;
        for (const ClaimedTask& task : answers->front().tasks) {
          if (task.answer.ok()) claimed[at].push_back(task.task_id);
        }
        empty = answers->front().tasks.empty() ? empty + 1 : 0;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  std::set<TaskId> all;
  std::size_t sum = 0;
  for (const auto& tasks : claimed) {
    all.insert(tasks.begin(), tasks.end());
    sum += tasks.size();
  }
  EXPECT_EQ(all.size(), sum) << "none twice";
  EXPECT_GE(sum, kTasks);
  EXPECT_EQ(counts("last").running, static_cast<int>(kTasks));
  EXPECT_EQ(tables().leases.size(), sum + 1);
}

WEIR_TASK_ENGINES(TaskBatches);

}  // namespace
}  // namespace weir::dispatcher
