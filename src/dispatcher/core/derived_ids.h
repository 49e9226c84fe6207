// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "dispatcher/core/ids.h"

/// Derived ids (contract appendix C): UUIDv5 over a fixed namespace a kind, so that what is done
/// twice collides with itself.
namespace weir::dispatcher {

inline constexpr Uuid kOutboxNamespace = {{0x6c, 0xab, 0xbe, 0x1a, 0xb3, 0x2b, 0x5b, 0xd6, 0x85,
                                           0x0d, 0xc4, 0x54, 0x0e, 0x8b, 0x02, 0xd3}};
inline constexpr Uuid kPublishNamespace = {{0x43, 0x7b, 0x86, 0xb2, 0xf6, 0x78, 0x5f, 0x33, 0xb9,
                                            0xc2, 0x04, 0x81, 0x4a, 0xa7, 0xb4, 0xbe}};
inline constexpr Uuid kDatasetNamespace = {{0x4d, 0x04, 0xe7, 0x1f, 0x35, 0xcd, 0x58, 0x3e, 0x8d,
                                            0x8e, 0x3a, 0xf8, 0x0d, 0x34, 0xa0, 0x59}};
inline constexpr Uuid kRunNamespace = {{0x7a, 0x8c, 0x92, 0xd8, 0xd5, 0x6b, 0x59, 0x44, 0x88, 0x67,
                                        0xe1, 0x71, 0x87, 0xee, 0xaa, 0x16}};
inline constexpr Uuid kCheckNamespace = {{0xa5, 0x85, 0x32, 0x76, 0x2b, 0x90, 0x56, 0xa7, 0xbc,
                                          0xd8, 0x76, 0x86, 0x2e, 0x8c, 0x5a, 0x64}};

/// UUIDv5(DNS namespace, "weir.dev/<kind>"): what the constants above are.
Uuid namespace_of(std::string_view kind);

/// `number`: the task's wake-ups before this one.
OutboxId wakeup_id(const TaskId& task, int attempt, int number);
OutboxId invoke_id(const TaskId& task, int attempt);

/// What a control event is about.
struct ControlSubject {
  std::string subject;   ///< a deploy's id; of other events their subject's
  std::string type;      ///< `dag_cutover`, `dataset_updated`, …
  std::string instance;  ///< the dataset id; of other events an attempt or instant
};
OutboxId control_event_id(const ControlSubject& about);

/// The publish and its task of kind `sink` (6.15): the task's id is the uuid of the publish.
TaskId publish_id(const TaskId& producer, int attempt, std::string_view batch_uri);

struct CheckName {
  DeployId deploy;
  std::string dataset_id;
  std::string name;
  int round = 1;
};
TaskId check_task_id(const CheckName& check);

/// A job of a DAG, stable over its versions.
struct Slot {
  OrgId org;
  std::string dag_name;
  std::string job_name;
};
DatasetUuid dataset_uuid(const Slot& slot, int output);

/// Source runs (5.2). `world` is empty or `live` for the live world.
TaskId cron_run_id(const Slot& slot, std::string_view world, Instant due);
TaskId webhook_run_id(const BuildId& build, std::string_view delivery_id);
TaskId manual_run_id(const BuildId& build, std::string_view idempotency_key);
TaskId always_on_run_id(const BuildId& build, std::int64_t run_epoch);

}  // namespace weir::dispatcher
