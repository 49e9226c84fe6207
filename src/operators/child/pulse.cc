// SPDX-License-Identifier: Apache-2.0
#include "operators/child/pulse.h"

#include "operators/limits.h"

namespace weir::operators {

HeartbeatAnswer Pulse::beat(const Progress& progress) {
  const Duration now = context_.clock.monotonic();
  if (!last_ || now - *last_ >= kPulsePause) {
    last_ = now;
    const auto answer = context_.api.heartbeat(progress);
    if (answer.ok()) {
      heard_ = *answer;
    } else if (answer.error().code() == Code::Aborted) {
      heard_.canceled = true;
    }
  }
  if (context_.stopping()) heard_.canceled = true;
  return heard_;
}

}  // namespace weir::operators
