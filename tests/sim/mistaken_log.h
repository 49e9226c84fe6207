// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/random.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "server/events/event_log.h"
#include "tests/sim/life_mistakes.h"

namespace weir::sim {

/// What a store has published, as readers get it; with a mistake, if it is one of the log's. Both
/// outlive it.
std::unique_ptr<server::EventLog> make_log(const dagmanager::MemoryGraphStore& store,
                                           LifeMistake mistake, base::SeededRandom& random);

}  // namespace weir::sim
