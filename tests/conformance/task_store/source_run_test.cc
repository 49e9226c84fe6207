// SPDX-License-Identifier: Apache-2.0
// Source runs (contract section 5.2).
#include "tests/conformance/task_store/tables_text.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

class SourceRuns : public TaskStoreSuite {
 protected:
  RunRequest manual(const std::string& key, NewEvent event) {
    return {.build_id = build_of("manual"),
            .run_id = manual_run_id(build_of("manual"), key),
            .event = std::move(event)};
  }
  /// The runs of a job, by the cursors of their events.
  std::vector<std::int64_t> fired(std::string_view job) {
    std::vector<std::int64_t> cursors;
    for (const auto& [id, event] : tables().events) {
      if (event.key.dataset == dataset_of(job)) {
        cursors.push_back(std::get<std::int64_t>(*event.cursor));
      }
    }
    std::ranges::sort(cursors);
    return cursors;
  }
  static std::int64_t at(Duration since_start) {
    return (test::kEngineStart + since_start).time_since_epoch() / seconds(1);
  }
};

TEST_P(SourceRuns, RunInlineWithTheirEventAndItsTasks) {
  NewEvent event = cursor_event(std::int64_t{7});
  event.payload_json = R"({"by":"hand"})";
  const auto answer = try_run(manual("k", event));
  ASSERT_TRUE(answer.ok());
  EXPECT_FALSE(answer.reply.duplicate);
  ASSERT_TRUE(answer.reply.event_id);
  const TaskRecord run = row(answer.reply.task_id);
  EXPECT_EQ(run.kind, TaskKind::SourceRun);
  EXPECT_EQ(run.queue, kInlineNormal);
  EXPECT_EQ(run.life.state, TaskState::Completed);
  EXPECT_EQ(run.life.task_class, TaskClass::Manual);
  EXPECT_EQ(run.life.started_at, now());
  EXPECT_EQ(run.life.finished_at, now());
  EXPECT_EQ(run.life.wakeups, 0);
  EXPECT_FALSE(run.root_event_id);
  const AttemptRecord attempt = attempt_row(run.task_id, 1);
  EXPECT_EQ(attempt.state, AttemptState::Closed);
  EXPECT_EQ(attempt.outcome, Outcome::Success);
  EXPECT_EQ(attempt.worker_id, kInlineWorker);
  const TaskTables all = tables();
  EXPECT_FALSE(all.leases.contains(run.task_id));
  const EventRow& stored = all.events.at(*answer.reply.event_id);
  EXPECT_EQ(stored.root_event_id, *answer.reply.event_id) << "it is its own root";
  EXPECT_EQ(stored.key.producer, run.task_id);
  EXPECT_EQ(stored.producer_attempt, 1);
  EXPECT_EQ(stored.event_class, TaskClass::Manual);
  EXPECT_EQ(counts("manual").completed, 1);
  EXPECT_EQ(counts("relay").queued, 1);
}

TEST_P(SourceRuns, B10OfOneKeyAreOneRun) {
  const auto first = try_run(manual("k", cursor_event(std::int64_t{7})));
  const auto before = test::describe(tables());
  const auto again = try_run(manual("k", cursor_event(std::int64_t{8})));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again.reply.duplicate);
  EXPECT_EQ(again.reply.task_id, first.reply.task_id);
  EXPECT_EQ(again.reply.event_id, first.reply.event_id);
  EXPECT_EQ(test::describe(tables()), before);
}

TEST_P(SourceRuns, ShareACallWithoutKnowingEachOther) {
  const auto known = try_run(manual("k", cursor_event(std::int64_t{7})));
  const std::vector<RunRequest> requests = {
      manual("l", cursor_event(std::int64_t{8})), manual("k", cursor_event(std::int64_t{7})),
      manual("m", cursor_event("nine")), manual("n", cursor_event(std::int64_t{10}))};
  const auto answers = store().start_runs(requests);
  ASSERT_TRUE(answers.ok());
  EXPECT_FALSE((*answers)[0].reply.duplicate);
  EXPECT_TRUE((*answers)[1].reply.duplicate);
  EXPECT_EQ((*answers)[1].reply.event_id, known.reply.event_id);
  EXPECT_EQ((*answers)[2].fault->reason(), "cursor_type_mismatch");
  EXPECT_TRUE((*answers)[3].reply.event_id);
  EXPECT_EQ(tables().versions.at(version_of("manual")).last_seq, 3);
}

TEST_P(SourceRuns, AreKnownFromTheHistoryToo) {
  const auto first = try_run(manual("k", cursor_event(std::int64_t{7})));
  engine().archive(first.reply.task_id);
  const auto again = try_run(manual("k", cursor_event(std::int64_t{7})));
  EXPECT_TRUE(again.reply.duplicate);
  EXPECT_EQ(again.reply.event_id, first.reply.event_id);
}

TEST_P(SourceRuns, OfAnUnknownBuildAreNotFound) {
  RunRequest request = manual("k", cursor_event(std::int64_t{7}));
  request.build_id = id_named<BuildId>("nobody's");
  const auto answer = try_run(request);
  ASSERT_TRUE(answer.fault);
  EXPECT_EQ(answer.fault->reason(), "not_found");
}

TEST_P(SourceRuns, WithAnEventThatIsRefusedAreNotMade) {
  try_run(manual("k", cursor_event(std::int64_t{7})));
  const auto before = test::describe(tables());
  const auto wrong_type = try_run(manual("l", cursor_event("seven")));
  ASSERT_TRUE(wrong_type.fault);
  EXPECT_EQ(wrong_type.fault->reason(), "cursor_type_mismatch");
  NewEvent nothing;
  nothing.output = 0;
  const auto no_scope = try_run(manual("l", nothing));
  ASSERT_TRUE(no_scope.fault);
  EXPECT_EQ(no_scope.fault->reason(), "scope_required");
  EXPECT_EQ(test::describe(tables()), before);
}

TEST_P(SourceRuns, WaitHeldWhileTheGateIsClosed) {
  engine().pause({.build_id = build_of("manual")});
  const auto answer = try_run(manual("k", cursor_event(std::int64_t{7})));
  ASSERT_TRUE(answer.ok());
  EXPECT_FALSE(answer.reply.event_id);
  const TaskRecord run = row(answer.reply.task_id);
  EXPECT_EQ(run.life.state, TaskState::Queued);
  EXPECT_EQ(run.life.scope.cursor_to, Cursor(std::int64_t{7}));
  EXPECT_TRUE(tables().events.empty());
  EXPECT_TRUE(owed(kInlineNormal));
  EXPECT_TRUE(try_run(manual("k", cursor_event(std::int64_t{7}))).reply.duplicate);

  engine().unpause({.build_id = build_of("manual")});
  EXPECT_EQ(run_all(Chore::RefillWakeups), 1U);
  const Held held = hold(run.task_id);
  const auto emitted = emit(held, {cursor_event(std::int64_t{7})});
  ASSERT_TRUE(emitted.ok());
  EXPECT_TRUE(complete(held).ok());
  EXPECT_EQ(tasks_of("relay").size(), 1U);
}

TEST_P(SourceRuns, OfAStoppedBuildAreRefused) {
  engine().set_dispatch(build_of("manual"), Dispatch::Stopped, CancelReason::Superseded);
  const auto answer = try_run(manual("k", cursor_event(std::int64_t{7})));
  ASSERT_TRUE(answer.refused);
  EXPECT_EQ(answer.refused->code, RefusalCode::TaskCanceled);
  EXPECT_TRUE(tables().tasks.empty());
}

TEST_P(SourceRuns, OfAScheduleFireWhenTheyAreDue) {
  run_all(Chore::FireSources);
  EXPECT_TRUE(fired("cron").empty());
  advance(minutes(5));
  run_all(Chore::FireSources);
  EXPECT_EQ(fired("cron"), std::vector{at(minutes(5))});
  run_all(Chore::FireSources);
  EXPECT_EQ(fired("cron").size(), 1U) << "once";
  const TaskRecord run = row(cron_run_id({org(), "demo", "cron"}, "live", now()));
  EXPECT_EQ(run.life.state, TaskState::Completed);
  EXPECT_EQ(run.life.task_class, TaskClass::Live);
  const SourceRecord source = tables().sources.at(build_of("cron"));
  EXPECT_EQ(source.last_fire_at, now());
  EXPECT_EQ(source.next_fire_at, now() + minutes(5));
}

TEST_P(SourceRuns, AfterADowntimeAreTheLatestInstantAlone) {
  run_all(Chore::FireSources);
  advance(minutes(17));
  const auto page = store().run_chore(Chore::FireSources, 10);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->done, 1U);
  ASSERT_EQ(page->notes.size(), 1U) << "two instants got no run";
  EXPECT_EQ(fired("cron"), std::vector{at(minutes(15))});
  EXPECT_EQ(tables().sources.at(build_of("cron")).next_fire_at, test::kEngineStart + minutes(20));
}

TEST_P(SourceRuns, OfAScheduleAreHeldWhileTheirBuildIsPaused) {
  run_all(Chore::FireSources);
  engine().pause({.build_id = build_of("cron")});
  advance(minutes(5));
  EXPECT_EQ(run_all(Chore::FireSources), 1U);
  EXPECT_TRUE(fired("cron").empty());
  EXPECT_EQ(state_of(cron_run_id({org(), "demo", "cron"}, "live", now())), TaskState::Queued);
}

TEST_P(SourceRuns, OfAnAlwaysOnSourceAreOneThatIsTriedWithoutEnd) {
  EXPECT_EQ(run_all(Chore::FireSources), 1U);
  EXPECT_EQ(run_all(Chore::FireSources), 0U);
  const TaskId run = always_on_run_id(build_of("follow"), 1);
  const TaskRecord task = row(run);
  EXPECT_FALSE(task.life.max_attempts);
  EXPECT_EQ(task.life.task_class, TaskClass::Live);
  EXPECT_EQ(task.queue, kEcsNormal);
  EXPECT_TRUE(task.life.woken_at);
  for (int attempt = 1; attempt <= 5; ++attempt) {
    const Held held = hold(run);
    EXPECT_EQ(held.fence.attempt, attempt);
    advance(seconds(61));
    run_all(Chore::ExpireLeases);
    EXPECT_EQ(state_of(run), TaskState::RetryWait);
    advance(minutes(16));
    run_all(Chore::QueueRetries);
  }
  EXPECT_EQ(tables().tasks.contains(run), true);
  EXPECT_FALSE(row(run).life.deadline_at);
}

TEST_P(SourceRuns, OfAnAlwaysOnSourceAreDueNoMoreWhenAnEarlierEpochHadNone) {
  TaskSeed seed = sample_seed();
  for (SourceSeed& source : seed.sources) {
    if (source.kind == SeedSource::AlwaysOn) source.run_epoch = 3;
  }
  test::RisingRandom random;
  const auto other = GetParam().make(random);
  other->seed(seed);
  const auto fires = [&] {
    const auto due = other->store().due();
    EXPECT_TRUE(due.ok()) << due.error().describe();
    return due->chores.at(static_cast<std::size_t>(Chore::FireSources)) == due->now;
  };
  EXPECT_TRUE(fires());
  std::size_t made = 0;
  for (int page = 0; page < 2; ++page) {
    const auto done = other->store().run_chore(Chore::FireSources, 500);
    ASSERT_TRUE(done.ok()) << done.error().describe();
    made += done->done;
  }
  EXPECT_EQ(made, 1U);
  EXPECT_TRUE(other->tables().tasks.contains(always_on_run_id(build_of("follow"), 3)));
  EXPECT_FALSE(fires());
}

TEST_P(SourceRuns, B11OfAKilledSourceKeepDedupingTheirCursors) {
  run_all(Chore::FireSources);
  const TaskId run = always_on_run_id(build_of("follow"), 1);
  const Held first = hold(run);
  ASSERT_TRUE(emit(first, {cursor_event(std::int64_t{1}), cursor_event(std::int64_t{2})}).ok());
  advance(seconds(61));
  run_all(Chore::ExpireLeases);
  advance(minutes(1));
  run_all(Chore::QueueRetries);
  const Held second = hold(run);
  const auto again = emit(second, {cursor_event(std::int64_t{2}), cursor_event(std::int64_t{3})});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again.reply.events[0].duplicate);
  EXPECT_EQ(again.reply.events[0].seq, 2);
  EXPECT_FALSE(again.reply.events[1].duplicate);
  EXPECT_EQ(fired("follow"), (std::vector<std::int64_t>{1, 2, 3}));
}

TEST_P(SourceRuns, AreToldToPauseByTheirHeartbeats) {
  run_all(Chore::FireSources);
  const Held held = hold(always_on_run_id(build_of("follow"), 1));
  EXPECT_FALSE(heartbeat(held).reply.paused);
  engine().pause({.build_id = build_of("follow")});
  EXPECT_TRUE(heartbeat(held).reply.paused);
  EXPECT_EQ(heartbeat(held).reply.status, TaskState::Running);
}

TEST_P(SourceRuns, OfStoppedSourcesAreNotMade) {
  engine().set_dispatch(build_of("cron"), Dispatch::Stopped, CancelReason::Superseded);
  engine().set_dispatch(build_of("follow"), Dispatch::Stopped, CancelReason::Superseded);
  advance(minutes(30));
  EXPECT_EQ(run_all(Chore::FireSources), 0U);
  EXPECT_TRUE(tables().tasks.empty());
}

WEIR_TASK_ENGINES(SourceRuns);

}  // namespace
}  // namespace weir::dispatcher
