// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "storage/object_store.h"

/// The faults of the port ObjectStore, worded once for all adapters, and its common checks.
namespace weir::storage {

Error object_not_found(const ObjectKey& key);
Error object_exists(const ObjectKey& key);
Error key_conflict(const ObjectKey& key);
Error path_unsafe(std::string_view key);
Error source_changed(const ObjectKey& key);
/// An errno of the machine as `store_unavailable` or `store_full`. Names what was attempted, no
/// path.
Error machine_fault(std::string_view attempted, int error_number);

Result<void> check_range(const ByteRange& range);
Result<void> check_page(std::size_t limit);

}  // namespace weir::storage
