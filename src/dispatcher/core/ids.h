// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/uuid.h"
#include "graph/task_ids.h"

/// Identifiers of the task plane (contract section 0): random ones are UUIDv7, derived ones UUIDv5
/// (derived_ids.h).
namespace weir::dispatcher {

using OrgId = base::TypedUuid<struct OrgIdTag>;
using DagVersionId = base::TypedUuid<struct DagVersionIdTag>;
using BuildId = base::TypedUuid<struct BuildIdTag>;
using DeployId = base::TypedUuid<struct DeployIdTag>;
using TaskId = graph::TaskId;
using LeaseToken =
    base::TypedUuid<struct LeaseTokenTag>;  ///< a secret: never logged, never read back
using ClaimId = base::TypedUuid<struct ClaimIdTag>;
using EventId = base::TypedUuid<struct EventIdTag>;
using InvalidationId = base::TypedUuid<struct InvalidationIdTag>;
using OutboxId = base::TypedUuid<struct OutboxIdTag>;
using DatasetUuid = graph::DatasetUuid;
using DatasetVersionId = graph::DatasetVersionId;

}  // namespace weir::dispatcher
