// SPDX-License-Identifier: Apache-2.0
// The executor in the dispatcher's process (contract section 2.6), on every task store.
#include "dispatcher/loops/inline_executor.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/system_clock.h"
#include "storage/memory_object_store.h"
#include "tests/conformance/task_store/task_fixture.h"
#include "tests/must.h"

namespace weir::dispatcher {
namespace {

constexpr std::int64_t kManyPages = 2500;  // chunks; a call emits a thousand
constexpr auto kWaitMax = std::chrono::seconds(30);

/// No job here reads a version that its inputs do not name.
class NoDatasets final : public DatasetReader {
 public:
  Result<std::vector<std::optional<VersionFacts>>> versions(
      const OrgId& /*org*/, std::span<const VersionAsk> asked) override {
    return std::vector<std::optional<VersionFacts>>(asked.size());
  }
};

/// Nobody sleeps who would have to be woken.
class NoLoops final : public Nudges {
 public:
  void outbox() override {}
  void chore(Chore /*chore*/, Duration /*after*/) override {}
};

JobSeed inline_job(std::string name, std::string operator_name, std::string config) {
  JobSeed job;
  job.name = std::move(name);
  job.operator_name = std::move(operator_name);
  job.config_json = std::move(config);
  job.runtime = QueueRuntime::Dispatcher;
  job.inputs = {{.from_job = "given"}};
  return job;
}

/// Source `given` feeds `pass`, `cut` (a chunk a cursor) and `unfit`, which cannot be run.
TaskSeed inline_seed() {
  JobSeed given;
  given.name = "given";
  given.source = SeedSource::Manual;
  given.operator_name = "trigger_manual";
  given.inlined = true;
  given.runtime = QueueRuntime::Dispatcher;
  given.declared_runtime = "dispatcher";
  return seed_of("inline", {given, inline_job("pass", "noop", "{}"),
                            inline_job("cut", "range_splitter", R"({"chunk_size":1})"),
                            inline_job("unfit", "range_splitter", "{}")});
}

class InlineExecutorTest : public TaskStoreSuite {
 protected:
  InlineExecutorTest() {
    engine().seed(inline_seed());
    executor_ = test::must(InlineExecutor::create({.tasks = tasks_,
                                                   .queue = engine().queue(),
                                                   .desk = desk_,
                                                   .clock = clock_,
                                                   .random = random_,
                                                   .log = server::log(),
                                                   .worker_id = "inline"}));
    desk_.start();
    test::must(executor_->start());
  }
  ~InlineExecutorTest() override {
    desk_.stop();
    executor_->stop();
    tasks_.stop();
  }

  /// A run of `given` over so many cursors; each job below it gets a task.
  void give(std::int64_t cursors) {
    NewEvent event = partition_event("range " + std::to_string(cursors));
    event.start = 0;
    event.end = cursors - 1;
    const auto answer =
        try_run({.build_id = build_of("given"),
                 .run_id = manual_run_id(build_of("given"), std::to_string(cursors)),
                 .event = event});
    ASSERT_TRUE(answer.ok());
  }
  std::int64_t events_of(std::string_view job) {
    const TaskTables rows = tables();
    return std::ranges::count_if(
        rows.events, [&](const auto& event) { return event.second.version == version_of(job); });
  }
  bool run(std::string_view job) { return executor_->run_claim({queued_task(job)}); }
  TaskId only_task(std::string_view job) { return tasks_of(job).front(); }

  server::SystemClock clock_;
  base::SeededRandom random_{7};
  NoDatasets datasets_;
  NoLoops nudges_;
  storage::MemoryObjectStore objects_{test::must(storage::StorageRoot::parse("s3://bucket/")),
                                      clock_};
  const std::unique_ptr<CapabilityMint> mint_ = test::must(CapabilityMint::create(
      {.key_path = testing::TempDir() + "inline_executor.key"}, clock_, random_));
  TaskService tasks_{{.store = store(),
                      .datasets = datasets_,
                      .objects = objects_,
                      .mint = *mint_,
                      .nudges = nudges_,
                      .sessions = 4}};
  WakeupDesk desk_{engine().queue(), clock_};
  std::unique_ptr<InlineExecutor> executor_;
};

TEST_P(InlineExecutorTest, RunsATaskOfOnePageWithinItsClaim) {
  give(3);
  EXPECT_TRUE(run("pass"));
  const TaskId task = only_task("pass");
  EXPECT_EQ(state_of(task), TaskState::Completed);
  EXPECT_EQ(attempt_row(task, 1).worker_id, "inline");
  EXPECT_EQ(events_of("pass"), 1);
  EXPECT_FALSE(tables().leases.contains(task));
}

TEST_P(InlineExecutorTest, RunsATaskOfManyPagesAfterItsClaim) {
  give(kManyPages);
  EXPECT_TRUE(run("cut"));
  const TaskId task = only_task("cut");
  EXPECT_EQ(state_of(task), TaskState::Completed);
  EXPECT_EQ(events_of("cut"), kManyPages);
  EXPECT_FALSE(tables().leases.contains(task));
}

TEST_P(InlineExecutorTest, EndsATaskThatItsOperatorCannotServe) {
  give(3);
  run("unfit");
  const TaskId task = only_task("unfit");
  EXPECT_EQ(state_of(task), TaskState::Failed);
  EXPECT_EQ(attempt_row(task, 1).outcome, Outcome::FatalError);
  EXPECT_EQ(events_of("unfit"), 0);
}

TEST_P(InlineExecutorTest, RunsAllThatOneClaimGives) {
  give(3);
  EXPECT_TRUE(executor_->run_claim({}));
  for (const char* job : {"pass", "cut"}) {
    EXPECT_EQ(state_of(only_task(job)), TaskState::Completed) << job;
  }
  EXPECT_EQ(state_of(only_task("unfit")), TaskState::Failed);
  EXPECT_FALSE(executor_->run_claim({})) << "nothing is left";
}

TEST_P(InlineExecutorTest, LeavesTheTasksOfWorkersAlone) {
  const TaskId task = task_of("relay", run_source(5));
  executor_->run_claim({});
  EXPECT_EQ(state_of(task), TaskState::Queued);
}

TEST_P(InlineExecutorTest, IsRungForWhatComesWhileItWaits) {
  give(3);
  const auto until = std::chrono::steady_clock::now() + kWaitMax;
  while (tasks_of("pass").empty() || state_of(only_task("pass")) != TaskState::Completed) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
    auto handed = engine().outbox().hand_out(64, desk_.rooms(), desk_.told());
    ASSERT_TRUE(handed.ok());
    desk_.deliver(std::move(handed->given));
    desk_.ring();
  }
}

TEST_P(InlineExecutorTest, StopsWhileItWaits) {
  executor_->stop();
  give(3);
  EXPECT_EQ(state_of(queued_task("pass")), TaskState::Queued);
}

WEIR_TASK_ENGINES(InlineExecutorTest);

}  // namespace
}  // namespace weir::dispatcher
