// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "base/result.h"

namespace weir::bench {

/// Medians of a peer's drains, tasks a second.
struct PeerRates {
  double free = 0;
  double held = 0;  ///< with a snapshot held open by another session
};

/// Runs the queues of bench/tasks/peers over `tasks` no-op tasks, so many interleaved rounds, each
/// free and held. Gives those that could be set up, by name; says on stderr which could not.
Result<std::map<std::string, PeerRates>> run_peers(std::size_t tasks, std::size_t rounds);

}  // namespace weir::bench
