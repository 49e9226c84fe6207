// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/uuid.h"

/// What data of the task plane is named by, for every folder that reads or writes it: a dataset,
/// one version of it, and the task that writes.
namespace weir::graph {

using TaskId = base::TypedUuid<struct TaskIdTag>;
using DatasetUuid = base::TypedUuid<struct DatasetUuidTag>;
using DatasetVersionId = base::TypedUuid<struct DatasetVersionIdTag>;

}  // namespace weir::graph
