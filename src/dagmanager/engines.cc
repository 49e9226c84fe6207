// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/engines.h"

#include <utility>

#include "dagmanager/memory_graph_store.h"
#include "dagmanager/memory_topic_admin.h"

namespace weir::dagmanager {
namespace {

/// SEED section 1.4: the queue topic's name, which a gateway's consumer branches on.
constexpr const char* kQueueTopic = "queue";

Result<void> open_graph(const DagmanagerConfig& config, Random& random, Engines& engines) {
  WEIR_TRY(auto store, MemoryGraphStore::open({.path = config.memory_repo_path}, random));
  engines.bus = std::make_unique<MemoryControlBus>(*store, kQueueTopic);
  engines.store = std::move(store);
  return {};
}

}  // namespace

Result<Engines> open_engines(const DagmanagerConfig& config, Clock& clock, Random& random) {
  static_cast<void>(clock);
  Engines engines;
  WEIR_CHECK(open_graph(config, random, engines));
  engines.topics = std::make_unique<MemoryTopicAdmin>();
  return engines;
}

}  // namespace weir::dagmanager
