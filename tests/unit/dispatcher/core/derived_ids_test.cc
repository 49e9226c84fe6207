// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/derived_ids.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace weir::dispatcher {
namespace {

Uuid uuid(const std::string& text) { return *Uuid::parse(text); }

const Uuid kOneUuid = uuid("00000000-0000-0000-0000-000000000001");
const Uuid kTwoUuid = uuid("00000000-0000-0000-0000-000000000002");

TEST(DerivedIds, HaveTheNamespacesOfAppendixC) {
  EXPECT_EQ(kOutboxNamespace, namespace_of("outbox"));
  EXPECT_EQ(kOutboxNamespace.text(), "6cabbe1a-b32b-5bd6-850d-c4540e8b02d3");
  EXPECT_EQ(kPublishNamespace, namespace_of("publish"));
  EXPECT_EQ(kPublishNamespace.text(), "437b86b2-f678-5f33-b9c2-04814aa7b4be");
  EXPECT_EQ(kDatasetNamespace, namespace_of("dataset"));
  EXPECT_EQ(kDatasetNamespace.text(), "4d04e71f-35cd-583e-8d8e-3af80d34a059");
  EXPECT_EQ(kRunNamespace, namespace_of("run"));
  EXPECT_EQ(kRunNamespace.text(), "7a8c92d8-d56b-5944-8867-e17187eeaa16");
  EXPECT_EQ(kCheckNamespace, namespace_of("check"));
  EXPECT_EQ(kCheckNamespace.text(), "a5853276-2b90-56a7-bcd8-76862e8c5a64");
}

TEST(DerivedIds, HaveTheWakeUpOfAppendixC) {
  EXPECT_EQ(wakeup_id(TaskId(kOneUuid), 1, 0).text(), "f43c52b4-48cd-5566-b293-9fcdf0a99abc");
}

TEST(DerivedIds, AreNamedAsAppendixCSays) {
  const std::string first = kOneUuid.text();
  const std::string second = kTwoUuid.text();
  const Slot slot{OrgId(kOneUuid), "demo", "tick"};
  const auto in = [](const Uuid& name_space, const std::string& name) {
    return base::uuid_v5(name_space, name);
  };
  EXPECT_EQ(wakeup_id(TaskId(kTwoUuid), 3, 12).uuid(),
            in(kOutboxNamespace, "task_wakeup:" + second + ":3:12"));
  EXPECT_EQ(invoke_id(TaskId(kOneUuid), 2).uuid(), in(kOutboxNamespace, "invoke:" + first + ":2"));
  EXPECT_EQ(control_event_id({first, "dataset_updated", "Demo é"}).uuid(),
            in(kOutboxNamespace, "control:" + first + ":dataset_updated:Demo é"));
  EXPECT_EQ(publish_id(TaskId(kOneUuid), 2, "s3://b/x.jsonl").uuid(),
            in(kPublishNamespace, first + ":2:s3://b/x.jsonl"));
  EXPECT_EQ(check_task_id({DeployId(kOneUuid), "out", "rows", 2}).uuid(),
            in(kCheckNamespace, first + ":out:rows:2"));
  EXPECT_EQ(dataset_uuid(slot, 1).uuid(), in(kDatasetNamespace, first + ":demo:tick:1"));
  EXPECT_EQ(webhook_run_id(BuildId(kTwoUuid), "d-1").uuid(),
            in(kRunNamespace, second + ":webhook:d-1"));
  EXPECT_EQ(manual_run_id(BuildId(kTwoUuid), "key").uuid(),
            in(kRunNamespace, second + ":manual:key"));
  EXPECT_EQ(always_on_run_id(BuildId(kTwoUuid), 4).uuid(),
            in(kRunNamespace, second + ":always_on:4"));
}

TEST(DerivedIds, NameTheWorldOfACronRunUnlessItIsLive) {
  const Slot slot{OrgId(kOneUuid), "demo", "tick"};
  const Instant due(std::chrono::seconds(1'700'000'000));
  const std::string name = kOneUuid.text() + ":demo:tick:cron:1700000000";
  EXPECT_EQ(cron_run_id(slot, "live", due).uuid(), base::uuid_v5(kRunNamespace, name));
  EXPECT_EQ(cron_run_id(slot, "", due), cron_run_id(slot, "live", due));
  EXPECT_EQ(cron_run_id(slot, "trial", due).uuid(), base::uuid_v5(kRunNamespace, name + ":trial"));
}

}  // namespace
}  // namespace weir::dispatcher
