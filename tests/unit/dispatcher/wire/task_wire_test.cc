// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/wire/task_wire.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::dispatcher {
namespace {

constexpr const char* kTask = "00000000-0000-0000-0000-000000000001";
constexpr const char* kLease = "00000000-0000-0000-0000-0000000000aa";

std::string fence() {
  return std::string("\"task_id\":\"") + kTask + "\",\"attempt\":2,\"lease_token\":\"" + kLease +
         "\"";
}
std::string events(const std::string& list) {
  return "{" + fence() + ",\"events\":[" + list + "]}";
}

/// The reason of a refusal, or "read".
template <class Read>
std::string reason(Read read) {
  const auto result = read();
  return result.ok() ? "read" : result.error().reason();
}

TEST(TaskWire, ReadsAClaimByNumberAndByName) {
  const auto claim =
      read_claim(std::string(R"({"worker_id":"w","max":8,"runtime":"ecs_platform",)") +
                 R"("operators":["noop","table_ingest@2"],"task_ids":[")" + kTask + "\"]}");
  ASSERT_TRUE(claim.ok()) << claim.error().describe();
  EXPECT_EQ(claim->max, 8u);
  ASSERT_EQ(claim->task_ids.size(), 1u);
  ASSERT_TRUE(claim->operators);
  EXPECT_EQ((*claim->operators)[1].version, "2");
  EXPECT_EQ(claim->runtime, QueueRuntime::EcsPlatform);
}

TEST(TaskWire, ClaimsNothingBesideWhatItNamesUnlessAsked) {
  const auto claim = read_claim(std::string(R"({"worker_id":"w","task_ids":[")") + kTask + "\"]}");
  ASSERT_TRUE(claim.ok());
  EXPECT_EQ(claim->max, 0u);
  EXPECT_FALSE(claim->runtime);
  EXPECT_FALSE(claim->operators);
}

TEST(TaskWire, RefusesClaimsThatAskForNothingOrTwice) {
  EXPECT_EQ(reason([] { return read_claim(R"({"worker_id":"w"})"); }), "invalid_request");
  EXPECT_EQ(reason([] { return read_claim(R"({"worker_id":"w","max":3})"); }), "invalid_request");
  EXPECT_EQ(reason([] { return read_claim(R"({"worker_id":"w","max":257,"runtime":"sink"})"); }),
            "invalid_request");
  EXPECT_EQ(reason([] {
              return read_claim(std::string(R"({"worker_id":"w","task_ids":[")") + kTask + "\",\"" +
                                kTask + "\"]}");
            }),
            "duplicate_item");
  EXPECT_EQ(
      reason([] { return read_claim(R"({"worker_id":"w","max":1,"runtime":"sink","x":1})"); }),
      "unknown_field");
  EXPECT_EQ(reason([] { return read_claim("[]"); }), "invalid_request");
  EXPECT_EQ(reason([] { return read_claim("{"); }), "invalid_request");
}

TEST(TaskWire, ReadsEventsOfBothScopes) {
  const auto draft = read_events(
      events(R"({"output":0,"cursor":41,"payload":{"b":1,"a":2}},)"
             R"({"output":0,"partition_key":"0-9","start":0,"end":9,"batch_no":3,)"
             R"("commit":{"prefix":"file:///o/","manifest_sha256":"ab","row_count":7}})"));
  ASSERT_TRUE(draft.ok()) << draft.error().describe();
  EXPECT_EQ(draft->fence.attempt, 2);
  ASSERT_EQ(draft->events.size(), 2u);
  EXPECT_EQ(std::get<std::int64_t>(*draft->events[0].event.cursor), 41);
  EXPECT_EQ(draft->events[0].event.payload_json, R"({"a":2,"b":1})");
  EXPECT_EQ(draft->events[1].event.batch_no, 3);
  ASSERT_TRUE(draft->events[1].commit);
  EXPECT_EQ(draft->events[1].commit->row_count, 7);
}

TEST(TaskWire, TakesADecimalTextBeyondTheNumbersForANumber) {
  const auto draft = read_events(events(R"({"output":0,"cursor":"9007199254740993"},)"
                                        R"({"output":0,"cursor":"42"})"));
  ASSERT_TRUE(draft.ok());
  EXPECT_EQ(std::get<std::int64_t>(*draft->events[0].event.cursor), 9007199254740993);
  EXPECT_EQ(std::get<std::string>(*draft->events[1].event.cursor), "42");
}

TEST(TaskWire, RefusesEventsWithoutExactlyOneScope) {
  const auto of = [](const char* event) {
    return reason([&] { return read_events(events(event)); });
  };
  EXPECT_EQ(of(R"({"output":0})"), "scope_required");
  EXPECT_EQ(of(R"({"output":0,"cursor":1,"partition_key":"a"})"), "scope_required");
  EXPECT_EQ(of(R"({"output":0,"partition_key":"a","start":1})"), "invalid_request");
  EXPECT_EQ(of(R"({"output":0,"partition_key":"a","start":2,"end":1})"), "invalid_request");
  EXPECT_EQ(of(R"({"output":0,"cursor":1,"start":1,"end":1})"), "invalid_request");
  EXPECT_EQ(of(R"({"cursor":1})"), "invalid_request");
  EXPECT_EQ(of(R"({"output":0,"cursor":1.5})"), "invalid_request");
  EXPECT_EQ(of(R"({"output":0,"cursor":1},{"output":0,"cursor":1})"), "duplicate_scope");
  EXPECT_EQ(of(R"({"output":0,"cursor":1},{"output":1,"cursor":1})"), "read");
  EXPECT_EQ(of(R"({"output":0,"cursor":1,"payload":[1]})"), "invalid_request");
}

TEST(TaskWire, TakesAStateWithoutEventsAndRefusesNeither) {
  EXPECT_EQ(reason([] {
              return read_events("{" + fence() +
                                 R"(,"state":{"state_key":"k","expect_revision":0,"state":{}}})");
            }),
            "read");
  EXPECT_EQ(reason([] { return read_events("{" + fence() + "}"); }), "invalid_request");
}

TEST(TaskWire, CompletionsAreLifecycleOnly) {
  const auto of = [](const std::string& members) {
    return reason([&] {
      return read_completions("{\"completions\":[{" + fence() + "," + members + "}]}",
                              BodyForm::Batch);
    });
  };
  EXPECT_EQ(of(R"("outcome":"success","events":[])"), "lifecycle_only");
  EXPECT_EQ(of(R"("outcome":"success","outputs":{})"), "lifecycle_only");
  EXPECT_EQ(of(R"("outcome":"success","datasets_published":1)"), "lifecycle_only");
  EXPECT_EQ(of(R"("outcome":"released")"), "read");
  EXPECT_EQ(of(R"("outcome":"timeout")"), "invalid_request");
  EXPECT_EQ(of(R"("outcome":"fatal_error","error":{"code":"x","why":1})"), "unknown_field");
}

TEST(TaskWire, BatchesHoldEachTaskOnceAndAreNeverEmpty) {
  EXPECT_EQ(reason([] { return read_heartbeats(R"({"heartbeats":[]})", BodyForm::Batch); }),
            "invalid_request");
  EXPECT_EQ(reason([] {
              return read_heartbeats("{\"heartbeats\":[{" + fence() + "},{" + fence() + "}]}",
                                     BodyForm::Batch);
            }),
            "duplicate_item");
  const auto alone = read_heartbeats("{" + fence() + "}", BodyForm::Single);
  ASSERT_TRUE(alone.ok());
  EXPECT_EQ(alone->front().task_id.text(), kTask);
}

TEST(TaskWire, ReadsAWaitForWakeups) {
  const auto request = read_wakeups(
      R"({"worker_id":"w","queues":["tasks.ecs_platform.high","tasks.sink.low"],"max":4,)"
      R"("wait_seconds":20,"ack":[{"message_id":"7","receipt":"r"}]})");
  ASSERT_TRUE(request.ok()) << request.error().describe();
  EXPECT_EQ(request->queues.size(), 2u);
  EXPECT_EQ(request->wait, std::chrono::seconds(20));
  EXPECT_EQ(request->acknowledged.front().receipt, "r");
  EXPECT_EQ(reason([] { return read_wakeups(R"({"worker_id":"w","queues":["x"],"max":1})"); }),
            "invalid_request");
  EXPECT_EQ(reason([] { return read_wakeups(R"({"worker_id":"w","max":1,"wait_seconds":21})"); }),
            "invalid_request");
}

}  // namespace
}  // namespace weir::dispatcher
