// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "operators/child/context.h"

namespace weir::operators {

/// Tells the wrapper how far a run is, at most once in kPulsePause, and hears whether it shall
/// stop. Progress is advice: what cannot be told is not told.
class Pulse {
 public:
  explicit Pulse(const OperatorContext& context) : context_(context) {}

  /// The last that was heard; `canceled` too if the process was told to stop, or the attempt is
  /// over.
  HeartbeatAnswer beat(const Progress& progress);

 private:
  const OperatorContext& context_;
  std::optional<Duration> last_;
  HeartbeatAnswer heard_;
};

}  // namespace weir::operators
