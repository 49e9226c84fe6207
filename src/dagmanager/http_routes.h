// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dagmanager/dagmanager_metrics.h"
#include "dagmanager/loops/loop_keeper.h"
#include "dagmanager/ports/control_bus.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/rollouts/rollout_store.h"
#include "dagmanager/ports/traffic_store.h"
#include "dagmanager/queues/cleanup_service.h"
#include "dagmanager/rollouts/hit_service.h"
#include "dagmanager/store_health.h"
#include "dagmanager/traffic_service.h"
#include "server/breaker.h"
#include "server/events/event_stream.h"
#include "server/http/router.h"
#include "server/worker_pool.h"

namespace weir::dagmanager {

/// What the HTTP routes work with; each outlives them.
struct HttpParts {
  GraphStore& store;
  ControlBus& bus;
  server::EventStream& events;
  TrafficService& traffic;
  HitService& hits;
  CleanupService& cleanup;
  RolloutStore& rollouts;
  TrafficStore& weights;
  const LoopKeeper& loops;
  StoreHealth& health;
  DagmanagerMetrics& metrics;
  const server::WorkerPool& admission;
  server::WorkerPool& queries;
  const Clock& clock;
  const std::atomic<bool>& draining;
  std::string instance;
  std::vector<std::string> warnings;
  std::vector<const server::Breaker*> breakers;  ///< of engines that are not this process
};

/// The routes of contract section 1.3.
server::Router make_routes(HttpParts parts);

}  // namespace weir::dagmanager
