// SPDX-License-Identifier: Apache-2.0
// Event acceptance and routing (contract sections 3.3.4, 6.1, 6.2).
#include "tests/conformance/task_store/tables_text.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

class TaskEvents : public TaskStoreSuite {
 protected:
  /// The fault of an item that must change nothing.
  std::string fault_of(const Held& held, std::vector<NewEvent> events,
                       std::optional<StateWrite> state = {}) {
    const auto before = test::describe(tables());
    const auto answer = emit(held, std::move(events), std::move(state));
    EXPECT_EQ(test::describe(tables()), before);
    return answer.fault ? answer.fault->reason() : "none";
  }
  static NewEvent committed(const std::string& key, const std::string& location,
                            std::int64_t rows) {
    NewEvent event = partition_event(key);
    event.commit = storage::CommitFacts{.location = location,
                                        .manifest_sha256 = std::string(64, 'a'),
                                        .row_count = rows,
                                        .bytes = rows * 10,
                                        .schema_hash = "h",
                                        .objects = {}};
    return event;
  }
};

TEST_P(TaskEvents, B9MakeOneTaskASubscriptionAndAnyNumberATask) {
  const RunReply run = run_source("2026-01");
  const std::vector<std::string> jobs = {"relay", "parts", "ordered", "single", "buffer"};
  for (const std::string& job : jobs) {
    const TaskRecord task = row(queued_task(job));
    EXPECT_EQ(task.trigger_event_id, run.event_id) << job;
    EXPECT_EQ(task.life.scope.partition_key, "2026-01") << job;
  }
  EXPECT_EQ(tables().tasks.size(), jobs.size() + 1) << "and the run itself";

  const Held held = hold(queued_task("relay"));
  std::vector<NewEvent> many;
  for (std::int64_t at = 1; at <= 1000; ++at) many.push_back(cursor_event(at));
  const auto answer = emit(held, many);
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer.reply.events.size(), 1000U);
  for (std::size_t at = 0; at < 1000; ++at) {
    EXPECT_EQ(answer.reply.events[at].seq, static_cast<std::int64_t>(at) + 1);
    EXPECT_FALSE(answer.reply.events[at].duplicate);
  }
  EXPECT_EQ(tasks_of("last").size(), 1000U);
  EXPECT_EQ(counts("last").queued, 1000);
  EXPECT_LE(outstanding(kEcsNormal), 503) << "a page a transaction";
  EXPECT_EQ(outstanding(kEcsNormal), woken(kEcsNormal));
  EXPECT_TRUE(owed(kEcsNormal));
}

TEST_P(TaskEvents, KeepTheFirstOfWhatIsSaidTwice) {
  const Held held = held_task("relay");
  const auto first = emit(held, {cursor_event(std::int64_t{5}), partition_event("p")});
  ASSERT_TRUE(first.ok());
  const auto before = test::describe(tables());
  NewEvent other = partition_event("p");
  other.payload_json = R"({"other":true})";
  const auto again = emit(held, {other, cursor_event(std::int64_t{5})});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again.reply.events[0].duplicate);
  EXPECT_EQ(again.reply.events[0].event_id, first.reply.events[1].event_id);
  EXPECT_EQ(again.reply.events[1].event_id, first.reply.events[0].event_id);
  EXPECT_EQ(again.reply.events[1].seq, 1);
  EXPECT_EQ(test::describe(tables()), before);

  complete(held, Outcome::Released);
  const Held later = hold(held.task_id);
  const auto mixed = emit(later, {cursor_event(std::int64_t{6}), cursor_event(std::int64_t{5})});
  ASSERT_TRUE(mixed.ok()) << "from a later attempt as well";
  EXPECT_FALSE(mixed.reply.events[0].duplicate);
  EXPECT_EQ(mixed.reply.events[0].seq, 3);
  EXPECT_TRUE(mixed.reply.events[1].duplicate);
  const TaskTables all = tables();
  EXPECT_EQ(all.events.at(mixed.reply.events[0].event_id).producer_attempt, 2);
  EXPECT_EQ(all.versions.at(version_of("relay")).last_seq, 3);
}

TEST_P(TaskEvents, AnotherTaskSayingTheSameIsANewEvent) {
  const Held first = held_task("relay", 1);
  const Held second = held_task("relay", 2);
  emit(first, {partition_event("p")});
  const auto answer = emit(second, {partition_event("p")});
  ASSERT_TRUE(answer.ok());
  EXPECT_FALSE(answer.reply.events.front().duplicate);
  EXPECT_EQ(answer.reply.events.front().seq, 2);
  EXPECT_EQ(tasks_of("last").size(), 2U);
}

TEST_P(TaskEvents, A15RewritePartitionsUnderANewRevision) {
  run_source("a");
  run_source("b");
  const auto tasks = tasks_of("parts");
  const Held first = hold(tasks[0]);
  const Held second = hold(tasks[1]);
  EXPECT_TRUE(emit(first, {committed("p", "file:///1/", 10)}).ok());
  EXPECT_TRUE(emit(first, {committed("p", "file:///other/", 99)}).ok()) << "a retry";
  EXPECT_FALSE(tables().partitions.contains({version_of("parts"), "p", 2}));
  advance(seconds(1));
  const auto rewritten = emit(second, {committed("p", "file:///2/", 25)});
  ASSERT_TRUE(rewritten.ok());
  const TaskTables all = tables();
  EXPECT_FALSE(all.partitions.contains({version_of("parts"), "p", 3}));
  const PartitionRow& old = all.partitions.at({version_of("parts"), "p", 1});
  const PartitionRow& current = all.partitions.at({version_of("parts"), "p", 2});
  EXPECT_EQ(old.superseded_at, now());
  EXPECT_EQ(old.location, "file:///1/");
  EXPECT_FALSE(current.superseded_at);
  EXPECT_EQ(current.location, "file:///2/");
  EXPECT_EQ(current.event_id, rewritten.reply.events.front().event_id);
  EXPECT_EQ(current.row_count, 25);
  EXPECT_EQ(all.versions.at(version_of("parts")).row_count, 25);
  EXPECT_EQ(all.versions.at(version_of("parts")).bytes, 250);
}

TEST_P(TaskEvents, B37CountACursorThatAPartitionInputCannotTake) {
  const RunReply run = run_source(1);
  EXPECT_TRUE(tasks_of("parts").empty());
  EXPECT_EQ(tables().rejections,
            (std::set<std::tuple<BuildId, int, EventId>>{{build_of("parts"), 0, *run.event_id}}));
}

TEST_P(TaskEvents, InheritClassRootAndScope) {
  const RunReply run = run_source(1);
  const Held held = hold(queued_task("relay"));
  NewEvent event = partition_event("0-9");
  event.start = 0;
  event.end = 9;
  event.payload_json = R"({"b":2,"a":[1]})";
  const auto answer = emit(held, {event});
  ASSERT_TRUE(answer.ok());
  const TaskTables all = tables();
  const EventRow& stored = all.events.at(answer.reply.events.front().event_id);
  EXPECT_EQ(stored.root_event_id, *run.event_id);
  EXPECT_EQ(stored.event_class, TaskClass::Manual);
  EXPECT_EQ(stored.start, 0);
  EXPECT_EQ(stored.end, 9);
  const TaskRecord last = row(queued_task("last"));
  EXPECT_EQ(last.root_event_id, run.event_id);
  EXPECT_EQ(last.life.task_class, TaskClass::Manual);
  EXPECT_EQ(last.life.scope.start, 0);
  EXPECT_EQ(last.life.scope.end, 9);
}

TEST_P(TaskEvents, RouteToBuildingBuildsWhoseTasksAreHeldAndToNoStoppedOne) {
  engine().set_dispatch(build_of("single"), Dispatch::Building, CancelReason::Superseded);
  engine().set_dispatch(build_of("buffer"), Dispatch::Stopped, CancelReason::Superseded);
  run_source(1);
  EXPECT_TRUE(tasks_of("buffer").empty());
  const TaskRecord held = row(queued_task("single"));
  EXPECT_FALSE(held.life.woken_at);
  EXPECT_FALSE(held.life.effects) << "decided by its claim";
  EXPECT_TRUE(owed(kEcsHigh));
  EXPECT_EQ(try_claim(held.task_id).refused->reason, NotClaimedReason::Held);
}

TEST_P(TaskEvents, RefuseWhatIsNotTheirs) {
  const Held held = held_task("relay");
  NewEvent event = cursor_event(std::int64_t{1});
  event.output = 1;
  EXPECT_EQ(fault_of(held, {event}), "output_not_owned");
  event.output = 0;
  event.dataset = dataset_of("last");
  EXPECT_EQ(fault_of(held, {event}), "output_not_owned");
  event.dataset = dataset_of("relay");
  event.version = version_of("last");
  EXPECT_EQ(fault_of(held, {event}), "version_mismatch");
  event.version = version_of("relay");
  event.output.reset();
  EXPECT_TRUE(emit(held, {event}).ok());
}

TEST_P(TaskEvents, RefuseAScopeThatIsNone) {
  const Held held = held_task("relay");
  NewEvent event;
  event.output = 0;
  EXPECT_EQ(fault_of(held, {event}), "scope_required");
  event.cursor = std::int64_t{1};
  event.partition_key = "p";
  EXPECT_EQ(fault_of(held, {event}), "scope_required");
  EXPECT_EQ(fault_of(held, {partition_event("p"), partition_event("p")}), "duplicate_scope");
  EXPECT_EQ(fault_of(held, {cursor_event(std::int64_t{1}), cursor_event("x")}),
            "cursor_type_mismatch");
  EXPECT_TRUE(emit(held, {cursor_event(std::int64_t{1})}).ok());
  EXPECT_EQ(fault_of(held, {cursor_event("x")}), "cursor_type_mismatch");
}

TEST_P(TaskEvents, CompareCursorsByTheirType) {
  const Held held = held_task("relay");
  EXPECT_TRUE(emit(held, {cursor_event("b"), cursor_event("B"), cursor_event("a")}).ok());
  EXPECT_EQ(tables().versions.at(version_of("relay")).max_cursor, Cursor("b"));
  const Held last = hold(task_of(
      "last", RunReply{.task_id = {}, .event_id = *row(tasks_of("last")[0]).trigger_event_id}));
  EXPECT_TRUE(complete(last).ok());
}

TEST_P(TaskEvents, AskObjectsForTheirCommitAndOthersForNone) {
  run_source("a");
  const Held parts = hold(queued_task("parts"));
  EXPECT_EQ(fault_of(parts, {partition_event("p")}), "commit_incomplete");
  EXPECT_EQ(fault_of(parts, {cursor_event(std::int64_t{1})}), "commit_incomplete");
  const Held relay = hold(queued_task("relay"));
  EXPECT_EQ(fault_of(relay, {committed("p", "file:///1/", 1)}), "invalid_request");
  const Held buffer = hold(queued_task("buffer"));
  EXPECT_EQ(fault_of(buffer, {partition_event("p")}), "buffered_output");
}

TEST_P(TaskEvents, AreAllOrNone) {
  const Held held = held_task("relay");
  NewEvent foreign = cursor_event(std::int64_t{3});
  foreign.output = 4;
  EXPECT_EQ(fault_of(held, {cursor_event(std::int64_t{1}), cursor_event(std::int64_t{2}), foreign}),
            "output_not_owned");
  EXPECT_EQ(tables().versions.at(version_of("relay")).last_seq, 0);
}

TEST_P(TaskEvents, CarryTheStateThatExplainsThem) {
  const Held held = held_task("relay");
  const StateWrite first{.expect_revision = 0, .state_json = R"({"h":7})"};
  const auto answer = emit(held, {cursor_event(std::int64_t{1})}, first);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.reply.state_revision, 1);
  const auto read = store().read_state({.task_id = held.task_id, .fence = held.fence});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->reply.state_json, R"({"h":7})");
  EXPECT_EQ(read->reply.revision, 1);

  const auto before = test::describe(tables());
  const auto repeat = emit(held, {cursor_event(std::int64_t{1})}, first);
  ASSERT_TRUE(repeat.ok()) << "the state is left, the events are duplicates";
  EXPECT_EQ(repeat.reply.state_revision, 1);
  EXPECT_TRUE(repeat.reply.events.front().duplicate);
  EXPECT_EQ(test::describe(tables()), before);

  EXPECT_EQ(fault_of(held, {cursor_event(std::int64_t{2})},
                     StateWrite{.expect_revision = 3, .state_json = "{}"}),
            "revision_conflict");
  EXPECT_TRUE(emit(held, {}, StateWrite{.expect_revision = 1, .state_json = R"({"h":8})"}).ok());
  EXPECT_EQ(fault_of(held, {}, first), "revision_conflict") << "two behind";

  const Held other = held_task("relay", 2);
  EXPECT_EQ(fault_of(other, {}, StateWrite{.expect_revision = 1, .state_json = "{}"}),
            "revision_conflict")
      << "it was another task that wrote revision 2";
}

TEST_P(TaskEvents, AnUnwrittenStateIsEmptyAtRevisionZero) {
  const Held held = held_task("relay");
  const auto read =
      store().read_state({.task_id = held.task_id, .fence = held.fence, .state_key = "elsewhere"});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->reply.state_json, "{}");
  EXPECT_EQ(read->reply.revision, 0);
}

TEST_P(TaskEvents, NumberBatchesOnceEach) {
  const Held first = held_task("ordered", 1);
  NewEvent batch = partition_event("0-9");
  batch.payload_json = R"({"start":0,"end":9})";
  batch.batch_no = 0;
  const auto answer = emit(first, {batch});
  ASSERT_TRUE(answer.ok());
  complete(first);
  const Held second = held_task("ordered", 2);
  EXPECT_TRUE(emit(second, {batch}).ok()) << "the same content under another task";
  const TaskTables all = tables();
  ASSERT_EQ(all.manifests.size(), 1U);
  const auto& [key, manifest] = *all.manifests.begin();
  EXPECT_EQ(key, (std::tuple{build_of("ordered"), version_of("manual"), std::int64_t{0}}));
  EXPECT_EQ(manifest.event_id, answer.reply.events.front().event_id);
  NewEvent other = batch;
  other.partition_key = "0-99";
  other.payload_json = R"({"start":0,"end":99})";
  EXPECT_EQ(fault_of(second, {other}), "manifest_conflict");
  const Held relay = held_task("relay", 3);
  EXPECT_EQ(fault_of(relay, {batch}), "invalid_request") << "its operator is not ordered";
}

TEST_P(TaskEvents, ShareACallWithoutKnowingEachOther) {
  const Held first = held_task("relay", 1);
  const Held second = held_task("relay", 2);
  const Held gone{id_named<TaskId>("gone"), first.fence};
  NewEvent wrong = cursor_event(std::int64_t{1});
  wrong.output = 9;
  const std::vector<AcceptRequest> requests = {
      {.task_id = first.task_id, .fence = first.fence, .events = {cursor_event(std::int64_t{1})}},
      {.task_id = gone.task_id, .fence = gone.fence, .events = {cursor_event(std::int64_t{2})}},
      {.task_id = second.task_id,
       .fence = second.fence,
       .events = {cursor_event(std::int64_t{3}), cursor_event(std::int64_t{4})}}};
  const auto answers = store().accept(requests);
  ASSERT_TRUE(answers.ok());
  ASSERT_EQ(answers->size(), 3U);
  EXPECT_EQ((*answers)[0].reply.events.front().seq, 1);
  EXPECT_EQ((*answers)[1].refused->code, RefusalCode::TaskNotFound);
  EXPECT_EQ((*answers)[2].reply.events.back().seq, 3) << "dense, in the order of the request";
  EXPECT_EQ(fault_of(first, {wrong}), "output_not_owned");
}

WEIR_TASK_ENGINES(TaskEvents);

}  // namespace
}  // namespace weir::dispatcher
