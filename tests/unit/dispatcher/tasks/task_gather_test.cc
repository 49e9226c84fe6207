// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/task_gather.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "base/random.h"

namespace weir::dispatcher {
namespace {

/// Adds `amount` to a counter once, under a key of its own, as the store's calls are idempotent.
struct Add {
  int counter = 0;
  int key = 0;
  int amount = 1;
  bool poisoned = false;
};

TaskId task_numbered(int number) {
  Uuid id;
  id.bytes[14] = static_cast<std::uint8_t>(number / 256);
  id.bytes[15] = static_cast<std::uint8_t>(number % 256);
  return TaskId(id);
}

/// What stands for a store: counters, of which a call changes all or none. A poisoned item fails
/// its whole call. Any thread.
class Counters {
 public:
  Result<std::vector<int>> apply(std::span<const Add> adds) {
    const base::MutexLock lock(mutex_);
    ++calls_;
    std::set<int> named;
    for (const Add& add : adds) named.insert(add.counter);
    doubled_ = doubled_ || named.size() != adds.size();
    most_ = std::max(most_, adds.size());
    if (std::ranges::any_of(adds, &Add::poisoned)) {
      return Error(Code::Aborted, "transaction_conflict", "a poisoned item");
    }
    if (fail_with_ && failures_ > 0) {
      --failures_;
      return *fail_with_;
    }
    std::vector<int> sums;
    bool changed = false;
    for (const Add& add : adds) {
      const bool fresh = done_.insert(add.key).second;
      if (fresh) sums_[add.counter] += add.amount;
      changed = changed || fresh;
      sums.push_back(sums_[add.counter]);
    }
    // The connection is cut behind COMMIT, unless there was nothing to commit.
    if ((changed || cut_all_) && cut_every_ > 0 && calls_ % cut_every_ == 0) {
      return base::unavailable("commit_unknown", "the connection was lost at COMMIT");
    }
    return sums;
  }

  /// Loses the answer of every so many calls; those that change nothing too, if so told.
  void cut_every(int calls, bool all = false) {
    const base::MutexLock lock(mutex_);
    cut_every_ = calls;
    cut_all_ = all;
  }
  void fail(int times, Error error) {
    const base::MutexLock lock(mutex_);
    failures_ = times;
    fail_with_ = std::move(error);
  }
  std::map<int, int> sums() const {
    const base::MutexLock lock(mutex_);
    return sums_;
  }
  int calls() const {
    const base::MutexLock lock(mutex_);
    return calls_;
  }
  std::size_t most() const {
    const base::MutexLock lock(mutex_);
    return most_;
  }
  bool doubled() const {
    const base::MutexLock lock(mutex_);
    return doubled_;
  }

 private:
  mutable base::Mutex mutex_;
  std::map<int, int> sums_ WEIR_GUARDED_BY(mutex_);
  std::set<int> done_ WEIR_GUARDED_BY(mutex_);
  int calls_ WEIR_GUARDED_BY(mutex_) = 0;
  int cut_every_ WEIR_GUARDED_BY(mutex_) = 0;
  bool cut_all_ WEIR_GUARDED_BY(mutex_) = false;
  int failures_ WEIR_GUARDED_BY(mutex_) = 0;
  std::optional<Error> fail_with_ WEIR_GUARDED_BY(mutex_);
  std::size_t most_ WEIR_GUARDED_BY(mutex_) = 0;
  bool doubled_ WEIR_GUARDED_BY(mutex_) = false;
};

using AddGather = Gather<Add, int>;

std::vector<TaskId> name_of(const Add& add) { return {task_numbered(add.counter)}; }

std::string outcome(const Result<int>& result) {
  return result.ok() ? "ok" : result.error().reason();
}

/// A call that waits until it is let go, so that others gather behind it. Any thread.
class Gate {
 public:
  void enter() {
    const base::MutexLock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    while (!open_) changed_.wait(mutex_);
  }
  void await_inside(int count) {
    const base::MutexLock lock(mutex_);
    while (inside_ < count) changed_.wait(mutex_);
  }
  void open() {
    const base::MutexLock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  int inside_ WEIR_GUARDED_BY(mutex_) = 0;
  bool open_ WEIR_GUARDED_BY(mutex_) = false;
};

/// Sizes of the calls, in the order in which they were made.
class Sizes {
 public:
  void add(std::size_t size) {
    const base::MutexLock lock(mutex_);
    sizes_.push_back(size);
  }
  std::vector<std::size_t> all() const {
    const base::MutexLock lock(mutex_);
    return sizes_;
  }

 private:
  mutable base::Mutex mutex_;
  std::vector<std::size_t> sizes_ WEIR_GUARDED_BY(mutex_);
};

TEST(TaskGather, AnswersEachRequestAsTheStoreDid) {
  Counters counters;
  AddGather gather([&](auto adds) { return counters.apply(adds); }, name_of);
  const auto first = gather.run({.counter = 1, .key = 1, .amount = 5});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*first, 5);
  EXPECT_EQ(*gather.run({.counter = 1, .key = 2, .amount = 2}), 7);
  EXPECT_EQ(counters.calls(), 2) << "nothing waits for company";
}

TEST(TaskGather, MakesOneCallOfRequestsThatComeTogether) {
  Counters counters;
  AddGather gather([&](auto adds) { return counters.apply(adds); }, name_of);
  std::vector<Add> adds;
  for (int at = 0; at < 600; ++at) adds.push_back({.counter = at, .key = at, .amount = at});
  const auto answers = gather.run_all(adds);
  ASSERT_EQ(answers.size(), 600U);
  for (int at = 0; at < 600; ++at) EXPECT_EQ(*answers[static_cast<std::size_t>(at)], at);
  EXPECT_EQ(counters.calls(), 3) << "256 items a call at most";
  EXPECT_EQ(counters.most(), kGatherItemsMax);
}

TEST(TaskGather, KeepsToTheEventsOfACallButTakesOneThatIsLargerAlone) {
  Sizes sizes;
  AddGather gather(
      [&](std::span<const Add> adds) -> Result<std::vector<int>> {
        sizes.add(adds.size());
        return std::vector<int>(adds.size());
      },
      name_of,
      [](const Add& add) {
        return GatherSize{.items = 1, .events = static_cast<std::size_t>(add.amount)};
      });
  gather.run_all({{.counter = 1, .amount = 600},
                  {.counter = 2, .amount = 400},
                  {.counter = 3, .amount = 1},
                  {.counter = 4, .amount = 5000},
                  {.counter = 5, .amount = 1}});
  EXPECT_EQ(sizes.all(), (std::vector<std::size_t>{2, 1, 1, 1}));
}

TEST(TaskGather, PutsRequestsThatNameOneTaskIntoDifferentCallsInTheirOrder) {
  Counters counters;
  AddGather gather([&](auto adds) { return counters.apply(adds); }, name_of);
  const auto answers = gather.run_all({{.counter = 1, .key = 1},
                                       {.counter = 1, .key = 2},
                                       {.counter = 2, .key = 3},
                                       {.counter = 1, .key = 4}});
  EXPECT_EQ(*answers[0], 1);
  EXPECT_EQ(*answers[1], 2);
  EXPECT_EQ(*answers[3], 3);
  EXPECT_FALSE(counters.doubled());
  EXPECT_EQ(counters.calls(), 3);
}

TEST(TaskGather, GathersWhatWaitsWhileAllSlotsAreTaken) {
  Counters counters;
  Gate gate;
  Sizes sizes;
  std::atomic<bool> first = true;
  AddGather gather(
      [&](std::span<const Add> adds) {
        if (first.exchange(false)) gate.enter();
        sizes.add(adds.size());
        return counters.apply(adds);
      },
      name_of, {}, {.calls_max = 1});
  std::thread blocked([&] { EXPECT_TRUE(gather.run({.counter = 0, .key = 0}).ok()); });
  gate.await_inside(1);
  std::thread waiting([&] {
    std::vector<Add> adds;
    for (int at = 1; at <= 50; ++at) adds.push_back({.counter = at, .key = at});
    for (const auto& answer : gather.run_all(adds)) EXPECT_TRUE(answer.ok());
  });
  gate.open();
  blocked.join();
  waiting.join();
  EXPECT_EQ(sizes.all(), (std::vector<std::size_t>{1, 50}));
}

TEST(TaskGather, RefusesWhatDoesNotFitIntoTheLine) {
  Gate gate;
  AddGather gather(
      [&](std::span<const Add> adds) -> Result<std::vector<int>> {
        gate.enter();
        return std::vector<int>(adds.size());
      },
      name_of, {}, {.calls_max = 1, .waiting_max = 3});
  std::thread blocked([&] { EXPECT_TRUE(gather.run({.counter = 0}).ok()); });
  gate.await_inside(1);
  const auto refused =
      gather.run_all({{.counter = 1}, {.counter = 2}, {.counter = 3}, {.counter = 4}});
  ASSERT_EQ(refused.size(), 4U);
  for (const auto& answer : refused) {
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code(), Code::ResourceExhausted);
    EXPECT_EQ(answer.error().reason(), "overloaded");
  }
  gate.open();
  blocked.join();
  EXPECT_TRUE(gather.run({.counter = 1}).ok());
}

TEST(TaskGather, LetsTheGuiltyOneFailAlone) {
  Counters counters;
  AddGather gather([&](auto adds) { return counters.apply(adds); }, name_of);
  const auto answers = gather.run_all({{.counter = 1, .key = 1},
                                       {.counter = 2, .key = 2, .poisoned = true},
                                       {.counter = 3, .key = 3}});
  EXPECT_TRUE(answers[0].ok());
  EXPECT_EQ(outcome(answers[1]), "transaction_conflict");
  EXPECT_TRUE(answers[2].ok());
  EXPECT_EQ(counters.sums(), (std::map<int, int>{{1, 1}, {3, 1}}));
}

TEST(TaskGather, MakesACallAgainWhoseOutcomeIsNotKnown) {
  Counters counters;
  counters.cut_every(2);
  AddGather gather([&](auto adds) { return counters.apply(adds); }, name_of);
  EXPECT_TRUE(gather.run({.counter = 1, .key = 1}).ok());
  const auto cut = gather.run({.counter = 1, .key = 2});
  ASSERT_TRUE(cut.ok());
  EXPECT_EQ(*cut, 2) << "applied once";
  EXPECT_EQ(counters.calls(), 3);
  counters.cut_every(1, true);
  EXPECT_EQ(outcome(gather.run({.counter = 1, .key = 3})), "commit_unknown");
  EXPECT_EQ(counters.calls(), 3 + kGatherTriesMax);
}

TEST(TaskGather, StopsTryingOneByOneOnceTheDatabaseIsAway) {
  Counters counters;
  counters.fail(1'000'000, base::unavailable("unavailable", "no server"));
  AddGather gather([&](auto adds) { return counters.apply(adds); }, name_of);
  std::vector<Add> adds;
  for (int at = 0; at < 200; ++at) adds.push_back({.counter = at, .key = at});
  for (const auto& answer : gather.run_all(adds)) EXPECT_EQ(outcome(answer), "unavailable");
  EXPECT_EQ(counters.calls(), 1 + kGatherUnavailableMax);
}

TEST(TaskGather, AnswersWhatItTookBeforeItStops) {
  Counters counters;
  Gate gate;
  AddGather gather(
      [&](auto adds) {
        gate.enter();
        return counters.apply(adds);
      },
      name_of, {}, {.calls_max = 1});
  std::thread blocked([&] { EXPECT_TRUE(gather.run({.counter = 0, .key = 0}).ok()); });
  gate.await_inside(1);
  std::thread stopping([&] { gather.stop(); });
  gate.open();
  stopping.join();
  blocked.join();
  EXPECT_EQ(counters.sums().at(0), 1);
  const auto late = gather.run({.counter = 1, .key = 1});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), Code::Unavailable);
}

/// 10^5 mixed items of 8 callers, one poisoned in 50, the connection cut behind every seventh
/// commit: what stands in the end is what the items would have left alone.
TEST(TaskGather, LeavesWhatTheItemsRunAloneWouldHaveLeft) {
  constexpr int kCallers = 8;
  constexpr int kItemsEach = 12'500;
  constexpr int kTasks = 500;
  constexpr int kPoisonedIn = 50;
  Counters counters;
  counters.cut_every(7);
  AddGather gather([&](auto adds) { return counters.apply(adds); }, name_of, {}, {.calls_max = 3});
  std::atomic<int> wrong = 0;
  std::array<std::map<int, int>, kCallers> expected;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      base::SeededRandom random(static_cast<std::uint64_t>(caller) + 1);
      for (int done = 0; done < kItemsEach;) {
        std::vector<Add> adds;
        const int count = std::min(kItemsEach - done, 1 + static_cast<int>(random.below(40)));
        for (int at = 0; at < count; ++at, ++done) {
          const int key = caller * kItemsEach + done;
          adds.push_back({.counter = static_cast<int>(random.below(kTasks)),
                          .key = key,
                          .amount = 1 + static_cast<int>(random.below(9)),
                          .poisoned = key % kPoisonedIn == 0});
          if (!adds.back().poisoned) {
            expected[static_cast<std::size_t>(caller)][adds.back().counter] += adds.back().amount;
          }
        }
        const auto answers = gather.run_all(adds);
        for (std::size_t at = 0; at < adds.size(); ++at) {
          const bool right =
              adds[at].poisoned ? outcome(answers[at]) == "transaction_conflict" : answers[at].ok();
          if (!right) ++wrong;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  std::map<int, int> sums;
  for (const auto& part : expected) {
    for (const auto& [counter, sum] : part) sums[counter] += sum;
  }
  EXPECT_EQ(counters.sums(), sums);
  EXPECT_FALSE(counters.doubled());
}

}  // namespace
}  // namespace weir::dispatcher
