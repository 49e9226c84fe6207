// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/topic_admin.h"

/// Ports with one guard removed, to see that the simulation notices. Without a mistake they pass
/// every call on.
namespace weir::sim {

std::unique_ptr<dagmanager::GraphStore> make_mistaken(dagmanager::GraphStore& inner,
                                                      bool leaves_out_a_queue,
                                                      bool shares_a_taken_name);
std::unique_ptr<dagmanager::TopicAdmin> make_mistaken(dagmanager::TopicAdmin& inner,
                                                      bool forgets_a_topic);

}  // namespace weir::sim
