// SPDX-License-Identifier: Apache-2.0
#include "storage/store_faults.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "storage/limits.h"

namespace weir::storage {

Error object_not_found(const ObjectKey& key) {
  return base::not_found("object_not_found", "no object " + key.text());
}

Error object_exists(const ObjectKey& key) {
  return {Code::AlreadyExists, "object_exists", key.text() + " is there with other bytes"};
}

Error key_conflict(const ObjectKey& key) {
  return base::failed_precondition("key_conflict",
                                   key.text() + " stands above or below another object");
}

Error path_unsafe(std::string_view key) {
  return {Code::PermissionDenied, "path_unsafe",
          std::string(key) + " leads over what is no plain file or folder"};
}

Error source_changed(const ObjectKey& key) {
  return base::invalid_argument("source_changed",
                                key.text() + ": the bytes are not the announced ones");
}

Error machine_fault(std::string_view attempted, int error_number) {
  std::string message = std::string(attempted) + ": " + std::strerror(error_number);
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) {
    return {Code::ResourceExhausted, "store_full", std::move(message)};
  }
  return base::unavailable("store_unavailable", std::move(message));
}

Result<void> check_range(const ByteRange& range) {
  if (range.length <= kRangeBytesMax) return {};
  return base::invalid_argument("range_invalid", "one get gives at most 16 MiB");
}

Result<void> check_page(std::size_t limit) {
  if (limit >= 1 && limit <= kObjectPageMax) return {};
  return base::invalid_argument("range_invalid", "a page has 1 to 1000 objects");
}

}  // namespace weir::storage
