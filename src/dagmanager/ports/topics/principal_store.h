// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// Port: whom instances of one graph store may have given rights on topics (contract section 3.25).
/// Faults of the store; any thread.
class PrincipalStore {
 public:
  virtual ~PrincipalStore() = default;

  /// Rising.
  virtual Result<std::vector<std::string>> list() = 0;
  /// Before the first right is given; of any instance, as nothing is taken away.
  virtual Result<void> add(std::span<const std::string> principals) = 0;
  /// These have none any more. ABORTED `loop_lost`.
  virtual Result<void> drop(const LoopFence& fence, std::span<const std::string> principals) = 0;
};

}  // namespace weir::dagmanager
