// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "dagmanager/ports/queues/archive_store.h"

/// Small objects of an archive, as a whole.
namespace weir::dagmanager {

Result<void> write_object(ArchiveStore& archive, const std::string& name, std::string_view bytes);
Result<std::string> read_object(ArchiveStore& archive, const std::string& name);

/// DATA_LOSS `archive_differs` if the object is another than these bytes.
Result<void> compare_object(ArchiveStore& archive, const std::string& name, std::string_view bytes);
Error archive_differs(const std::string& name);

}  // namespace weir::dagmanager
