// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dispatcher/core/commands.h"
#include "dispatcher/ports/dataset_reader.h"
#include "dispatcher/ports/task_context.h"
#include "operators/task_payload.h"
#include "server/auth/capability.h"
#include "storage/storage_uri.h"

/// What an executor is told of its task, and what it may touch (contract sections 3.1 and appendix
/// A.1). Pure.
namespace weir::dispatcher {

/// A version that the task reads besides its inputs' own: by relation.
struct ExtraGrant {
  std::string relation;
  VersionFacts version;
};

/// The versions to look up before the payload can be written: those whose partitions are listed,
/// and the source of a parquet_compact (6.13).
struct WantedVersion {
  std::string relation;
  VersionAsk ask;
};
std::vector<WantedVersion> wanted_versions(const TaskContext& context);

/// The payload. `fence_no` is 0 for who only looks (task-fetch).
operators::TaskPayload make_payload(const TaskContext& context, std::int64_t fence_no,
                                    std::span<const ExtraGrant> extra,
                                    const storage::StorageRoot& root);

/// The grants of the same attempt.
auth::CapabilityGrants make_grants(const operators::TaskPayload& payload,
                                   const storage::StorageRoot& root);

}  // namespace weir::dispatcher
