// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/dag_cache.h"

#include <iterator>
#include <utility>

#include "base/blake3.h"

namespace weir::dagmanager {

Result<std::shared_ptr<const graph::Dag>> DagCache::read(std::string_view document) {
  const base::Digest digest = base::blake3(document);
  std::string key(reinterpret_cast<const char*>(digest.data()), digest.size());
  if (auto known = find(key)) return known;
  WEIR_TRY(graph::Dag dag, graph::read_dag(document, {}, &digest));
  const std::size_t bytes = dag.bytes;
  auto shared = std::make_shared<const graph::Dag>(std::move(dag));
  if (bytes <= bytes_max_ / 2) keep({std::move(key), shared, bytes});
  return shared;
}

std::size_t DagCache::bytes() const {
  const base::MutexLock lock(mutex_);
  return bytes_;
}

std::shared_ptr<const graph::Dag> DagCache::find(const std::string& key) {
  const base::MutexLock lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->dag;
}

void DagCache::drop_evicted() {
  std::list<Entry> dropped;  // ends after the lock is gone
  const base::MutexLock lock(mutex_);
  dropped.swap(evicted_);
}

void DagCache::keep(Entry entry) {
  const base::MutexLock lock(mutex_);
  if (by_key_.contains(entry.key)) return;
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  by_key_.emplace(entries_.front().key, entries_.begin());
  while (bytes_ > bytes_max_ && entries_.size() > 1) {
    bytes_ -= entries_.back().bytes;
    by_key_.erase(entries_.back().key);
    evicted_.splice(evicted_.end(), entries_, std::prev(entries_.end()));
  }
}

}  // namespace weir::dagmanager
