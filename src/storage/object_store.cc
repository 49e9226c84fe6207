// SPDX-License-Identifier: Apache-2.0
#include "storage/object_store.h"

#include "base/assert.h"
#include "storage/limits.h"

namespace weir::storage {

Result<ObjectStat> put_text(ObjectStore& store, const ObjectKey& key, std::string_view bytes,
                            const PutOptions& options) {
  TextSource source(bytes);
  return store.put(key, source, options);
}

Result<std::string> get_text(ObjectStore& store, const ObjectKey& key, std::size_t bytes_max) {
  WEIR_ASSERT(bytes_max < kRangeBytesMax);
  WEIR_TRY(auto bytes, store.get(key, {.offset = 0, .length = bytes_max + 1}));
  if (bytes.size() > bytes_max) {
    return base::failed_precondition("object_too_large", "an object is larger than it may be");
  }
  return bytes;
}

}  // namespace weir::storage
