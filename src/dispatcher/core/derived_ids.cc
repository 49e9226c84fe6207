// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/derived_ids.h"

#include <chrono>
#include <initializer_list>

namespace weir::dispatcher {
namespace {

/// The parts with a colon between each two.
std::string named(std::initializer_list<std::string_view> parts) {
  std::string name;
  for (const std::string_view part : parts) {
    if (!name.empty()) name += ':';
    name += part;
  }
  return name;
}

}  // namespace

Uuid namespace_of(std::string_view kind) {
  return base::uuid_v5(base::kUuidOfDns, "weir.dev/" + std::string(kind));
}

OutboxId wakeup_id(const TaskId& task, int attempt, int number) {
  return OutboxId(base::uuid_v5(
      kOutboxNamespace,
      named({"task_wakeup", task.text(), std::to_string(attempt), std::to_string(number)})));
}

OutboxId invoke_id(const TaskId& task, int attempt) {
  return OutboxId(
      base::uuid_v5(kOutboxNamespace, named({"invoke", task.text(), std::to_string(attempt)})));
}

OutboxId control_event_id(const ControlSubject& about) {
  return OutboxId(base::uuid_v5(kOutboxNamespace,
                                named({"control", about.subject, about.type, about.instance})));
}

TaskId publish_id(const TaskId& producer, int attempt, std::string_view batch_uri) {
  return TaskId(base::uuid_v5(kPublishNamespace,
                              named({producer.text(), std::to_string(attempt), batch_uri})));
}

TaskId check_task_id(const CheckName& check) {
  return TaskId(base::uuid_v5(kCheckNamespace, named({check.deploy.text(), check.dataset_id,
                                                      check.name, std::to_string(check.round)})));
}

DatasetUuid dataset_uuid(const Slot& slot, int output) {
  return DatasetUuid(base::uuid_v5(
      kDatasetNamespace,
      named({slot.org.text(), slot.dag_name, slot.job_name, std::to_string(output)})));
}

TaskId cron_run_id(const Slot& slot, std::string_view world, Instant due) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(due.time_since_epoch());
  std::string name = named(
      {slot.org.text(), slot.dag_name, slot.job_name, "cron", std::to_string(seconds.count())});
  if (!world.empty() && world != "live") name.append(":").append(world);
  return TaskId(base::uuid_v5(kRunNamespace, name));
}

TaskId webhook_run_id(const BuildId& build, std::string_view delivery_id) {
  return TaskId(base::uuid_v5(kRunNamespace, named({build.text(), "webhook", delivery_id})));
}

TaskId manual_run_id(const BuildId& build, std::string_view idempotency_key) {
  return TaskId(base::uuid_v5(kRunNamespace, named({build.text(), "manual", idempotency_key})));
}

TaskId always_on_run_id(const BuildId& build, std::int64_t run_epoch) {
  return TaskId(
      base::uuid_v5(kRunNamespace, named({build.text(), "always_on", std::to_string(run_epoch)})));
}

}  // namespace weir::dispatcher
