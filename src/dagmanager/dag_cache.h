// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "graph/dag.h"

namespace weir::dagmanager {

/// Read documents by the hash of their bytes. What a document says never goes stale, so a gateway
/// that submits one graph to many worlds, dry and for real, pays for reading it once. Bounded by
/// bytes; the one longest unused goes first. Any thread.
class DagCache {
 public:
  explicit DagCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// The document, read now or before. Faults are graph::read_dag's and are not kept.
  Result<std::shared_ptr<const graph::Dag>> read(std::string_view document);

  /// Ends what gave way to other documents since the last call. Whoever read calls it when nobody
  /// waits for it any more: a document of a thousand nodes takes a while to end.
  void drop_evicted();

  std::size_t bytes() const;

 private:
  struct Entry {
    std::string key;  // digest bytes
    std::shared_ptr<const graph::Dag> dag;
    std::size_t bytes = 0;
  };

  std::shared_ptr<const graph::Dag> find(const std::string& key);
  void keep(Entry entry);

  const std::size_t bytes_max_;
  mutable base::Mutex mutex_;
  std::list<Entry> entries_ WEIR_GUARDED_BY(mutex_);  // last used first
  std::list<Entry> evicted_ WEIR_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::list<Entry>::iterator> by_key_ WEIR_GUARDED_BY(mutex_);
  std::size_t bytes_ WEIR_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::dagmanager
