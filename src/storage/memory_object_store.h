// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "storage/object_store.h"

namespace weir::storage {

/// ObjectStore in this process's memory. As strict as the strictest adapter: a key that is a prefix
/// of another is refused. `clock` stamps what is put and must outlive the store.
class MemoryObjectStore final : public ObjectStore {
 public:
  MemoryObjectStore(StorageRoot root, const Clock& clock) : root_(std::move(root)), clock_(clock) {}

  const StorageRoot& root() const override { return root_; }
  Result<ObjectStat> put(const ObjectKey& key, ByteSource& source,
                         const PutOptions& options) override;
  Result<std::string> get(const ObjectKey& key, ByteRange range) override;
  Result<ObjectStat> stat(const ObjectKey& key, Checksum checksum) override;
  Result<ObjectPage> list(const ObjectPrefix& prefix, const ListOptions& options) override;
  Result<void> remove(const ObjectKey& key) override;
  Result<RemovedObjects> remove_prefix(const ObjectPrefix& prefix, std::size_t limit) override;
  Result<void> ping() override { return {}; }

 private:
  struct Object {
    std::string bytes;
    std::string sha256;
    Instant modified;
  };

  bool conflicts(const std::string& key) const;

  const StorageRoot root_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Object> objects_;  // by key
};

}  // namespace weir::storage
