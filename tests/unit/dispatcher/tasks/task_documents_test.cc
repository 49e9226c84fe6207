// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/task_documents.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::dispatcher {
namespace {

template <class Id>
Id id(std::uint8_t number) {
  Uuid uuid;
  uuid.bytes[15] = number;
  return Id(uuid);
}

storage::StorageRoot root() { return *storage::StorageRoot::of_folder("/objects"); }

TaskContext compaction() {
  TaskContext context;
  context.task.task_id = id<TaskId>(1);
  context.task.life.attempt = 3;
  context.task.life.effects = Effects::Fire;
  context.task.input_index = 0;
  context.task.life.scope.partition_key = "0-9";
  context.task.life.scope.start = 0;
  context.task.life.scope.end = 9;
  context.build.heartbeat_timeout = std::chrono::seconds(60);
  auto job = std::make_shared<JobContext>();
  job->dag_name = "d";
  job->job = "compact";
  job->operator_name = "parquet_compact";
  job->operator_version = "1";
  job->runtime = "ecs_platform";
  job->inputs.push_back({.index = 0,
                         .dataset = id<DatasetUuid>(10),
                         .version = id<DatasetVersionId>(11),
                         .dataset_id = "",
                         .kind = DatasetKind::Events,
                         .where_json = R"({"chain_id":1})",
                         .schema_json = ""});
  job->outputs.push_back({.output = 0,
                          .dataset = id<DatasetUuid>(20),
                          .version = id<DatasetVersionId>(21),
                          .kind = DatasetKind::Parquet,
                          .buffered = false,
                          .schema_json = "",
                          .dataset_id = "out"});
  context.job = job;
  context.trigger = EventContext{
      .event_id = id<EventId>(30),
      .version = id<DatasetVersionId>(11),
      .seq = 7,
      .partition_key = "0-9",
      .cursor = {},
      .start = 0,
      .end = 9,
      .payload_json = R"({"source":{"dataset_version":"00000000-0000-0000-0000-000000000040"}})"};
  return context;
}

ExtraGrant source() {
  return {
      .relation = "source",
      .version = {.dataset = id<DatasetUuid>(41),
                  .version = id<DatasetVersionId>(0x40),
                  .dataset_id = "trades",
                  .kind = DatasetKind::Table,
                  .schema_json = R"({"columns":[{"name":"t","type":"bigint","nullable":true}]})",
                  .max_cursor = 12,
                  .partitions = {}}};
}

TEST(TaskDocuments, ACompactionAsksForTheSourceOfItsManifest) {
  const auto wanted = wanted_versions(compaction());
  ASSERT_EQ(wanted.size(), 1u);
  EXPECT_EQ(wanted[0].relation, "source");
  EXPECT_EQ(wanted[0].ask.version->text(), "00000000-0000-0000-0000-000000000040");
}

TEST(TaskDocuments, ASourceNamedInTheConfigCountsForMore) {
  TaskContext context = compaction();
  auto job = std::make_shared<JobContext>(*context.job);
  job->config_json = R"({"source":"trades"})";
  context.job = job;
  const auto wanted = wanted_versions(context);
  ASSERT_EQ(wanted.size(), 1u);
  EXPECT_EQ(wanted[0].ask.dataset_id, "trades");
  EXPECT_FALSE(wanted[0].ask.version);
}

TEST(TaskDocuments, ThePayloadTellsTriggerScopeInputsAndOutputs) {
  const std::vector<ExtraGrant> extra = {source()};
  const auto payload = make_payload(compaction(), 99, extra, root());
  EXPECT_EQ(payload.fence_no, 99);
  EXPECT_EQ(payload.attempt, 3);
  EXPECT_EQ(payload.heartbeat_interval_seconds, 20);
  ASSERT_TRUE(payload.trigger);
  EXPECT_EQ(payload.trigger->seq, 7);
  EXPECT_EQ(payload.scope.partition_key, "0-9");
  ASSERT_EQ(payload.inputs.size(), 2u);
  EXPECT_EQ(payload.inputs[0].where, R"({"chain_id":1})");
  EXPECT_EQ(payload.inputs[1].relation, "source");
  EXPECT_EQ(payload.inputs[1].max_cursor, 12);
  ASSERT_EQ(payload.inputs[1].columns.size(), 1u);
  EXPECT_TRUE(payload.inputs[1].columns[0].nullable);
  ASSERT_EQ(payload.outputs.size(), 1u);
  EXPECT_TRUE(payload.outputs[0].staging_prefix->ends_with(
      "/_staging/00000000-0000-0000-0000-000000000001/3/"));
}

TEST(TaskDocuments, GrantsCoverThePinnedInputsAndTheOwnPrefixesAndNothingElse) {
  const std::vector<ExtraGrant> extra = {source()};
  const auto payload = make_payload(compaction(), 99, extra, root());
  const auto grants = make_grants(payload, root());
  EXPECT_EQ(grants.datasets.size(), 2u);
  EXPECT_EQ(grants.outputs.size(), 1u);
  const auth::AttemptRef owner{payload.task_id.uuid(), 3};
  EXPECT_TRUE(std::ranges::all_of(grants.write_prefixes, [&](const std::string& prefix) {
    return auth::is_own_prefix(prefix, owner);
  }));
  EXPECT_EQ(grants.read_prefixes.size(), 1u);  // the scratch: no input is of the object store
  auth::CapabilityClaims claims;
  claims.issuer = "i";
  claims.bound_to = owner;
  claims.org_id = id<OrgId>(50).uuid();
  claims.jti = id<OrgId>(51).uuid();
  claims.issued_at = Instant(std::chrono::seconds(1000));
  claims.expires_at = Instant(std::chrono::seconds(2000));
  claims.grants = grants;
  EXPECT_TRUE(auth::write_capability(claims).ok());
}

TEST(TaskDocuments, CodeInASandboxGetsNoReferenceToStorage) {
  TaskContext context = compaction();
  auto job = std::make_shared<JobContext>(*context.job);
  job->operator_name = "udf";
  job->udf_json = R"({"bundle_id":"b"})";
  job->inputs[0].kind = DatasetKind::Parquet;
  context.job = job;
  const auto grants = make_grants(make_payload(context, 1, {}, root()), root());
  EXPECT_FALSE(grants.datasets[0].storage_ref);
  EXPECT_EQ(grants.read_prefixes.size(), 1u);
}

TEST(TaskDocuments, TheFirstClaimsPinCountsForMoreThanTheSubscription) {
  TaskContext context = compaction();
  context.task.life.scope.pinned = {{.input_index = 0, .version = id<DatasetVersionId>(12)}};
  const auto payload = make_payload(context, 1, {}, root());
  EXPECT_EQ(payload.inputs[0].version, id<DatasetVersionId>(12));
}

}  // namespace
}  // namespace weir::dispatcher
