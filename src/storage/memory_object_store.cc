// SPDX-License-Identifier: Apache-2.0
#include "storage/memory_object_store.h"

#include <algorithm>
#include <utility>

#include "base/blake3.h"
#include "storage/limits.h"
#include "storage/store_faults.h"

namespace weir::storage {
namespace {

Result<std::string> read_all(ByteSource& source) {
  WEIR_CHECK(source.rewind());
  std::string bytes;
  std::string piece(std::min<std::uint64_t>(kCopyBytes, source.size() + 1), '\0');
  while (true) {
    WEIR_TRY(const std::size_t got, source.read(piece));
    if (got == 0) return bytes;
    bytes.append(piece, 0, got);
  }
}

}  // namespace

bool MemoryObjectStore::conflicts(const std::string& key) const {
  const auto below = objects_.lower_bound(key + "/");
  if (below != objects_.end() && below->first.starts_with(key + "/")) return true;
  for (std::size_t at = key.find('/'); at != std::string::npos; at = key.find('/', at + 1)) {
    if (objects_.contains(key.substr(0, at))) return true;
  }
  return false;
}

Result<ObjectStat> MemoryObjectStore::put(const ObjectKey& key, ByteSource& source,
                                          const PutOptions& options) {
  WEIR_TRY(std::string bytes, read_all(source));
  ObjectStat stat{.size = bytes.size(), .sha256 = base::sha256_hex(bytes)};
  if (bytes.size() != source.size()) return source_changed(key);
  if (!options.sha256.empty() && options.sha256 != stat.sha256) return source_changed(key);
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(key.text());
  if (found != objects_.end() && options.existing == Existing::Refuse) {
    if (found->second.bytes != bytes) return object_exists(key);
    return stat;
  }
  if (conflicts(key.text())) return key_conflict(key);
  objects_[key.text()] = {
      .bytes = std::move(bytes), .sha256 = stat.sha256, .modified = clock_.now()};
  return stat;
}

Result<std::string> MemoryObjectStore::get(const ObjectKey& key, ByteRange range) {
  WEIR_CHECK(check_range(range));
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(key.text());
  if (found == objects_.end()) return object_not_found(key);
  const std::string& bytes = found->second.bytes;
  if (range.offset >= bytes.size()) return std::string();
  return bytes.substr(range.offset, range.length);
}

Result<ObjectStat> MemoryObjectStore::stat(const ObjectKey& key, Checksum checksum) {
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(key.text());
  if (found == objects_.end()) return object_not_found(key);
  ObjectStat stat{.size = found->second.bytes.size()};
  if (checksum == Checksum::Read) stat.sha256 = found->second.sha256;
  return stat;
}

Result<ObjectPage> MemoryObjectStore::list(const ObjectPrefix& prefix, const ListOptions& options) {
  WEIR_CHECK(check_page(options.limit));
  const std::scoped_lock lock(mutex_);
  ObjectPage page;
  auto at = options.after >= prefix.text() ? objects_.upper_bound(options.after)
                                           : objects_.lower_bound(prefix.text());
  for (; at != objects_.end() && at->first.starts_with(prefix.text()); ++at) {
    if (page.objects.size() == options.limit) {
      page.next_after = page.objects.back().key.text();
      break;
    }
    WEIR_TRY(auto key, ObjectKey::parse(at->first));
    page.objects.push_back(
        {.key = std::move(key), .size = at->second.bytes.size(), .modified = at->second.modified});
  }
  return page;
}

Result<void> MemoryObjectStore::remove(const ObjectKey& key) {
  const std::scoped_lock lock(mutex_);
  objects_.erase(key.text());
  return {};
}

Result<RemovedObjects> MemoryObjectStore::remove_prefix(const ObjectPrefix& prefix,
                                                        std::size_t limit) {
  WEIR_CHECK(check_page(limit));
  const std::scoped_lock lock(mutex_);
  RemovedObjects removed;
  auto at = objects_.lower_bound(prefix.text());
  while (at != objects_.end() && at->first.starts_with(prefix.text())) {
    if (removed.removed == limit) {
      removed.done = false;
      break;
    }
    at = objects_.erase(at);
    ++removed.removed;
  }
  return removed;
}

}  // namespace weir::storage
