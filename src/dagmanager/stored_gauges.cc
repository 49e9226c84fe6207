// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/stored_gauges.h"

#include <utility>

namespace weir::dagmanager {

StoredGauges::StoredGauges(server::WorkerPool& pool, std::function<void()> read)
    : pool_(pool), state_(std::make_shared<State>()) {
  state_->read = std::move(read);
}

void StoredGauges::refresh(Duration wait) {
  const base::MutexLock lock(state_->mutex);
  if (!state_->reading) {
    const auto submitted = pool_.submit(0, [state = state_] {
      state->read();
      const base::MutexLock done(state->mutex);
      state->reading = false;
      state->over.notify_all();
    });
    if (!submitted.ok()) return;
    state_->reading = true;
  }
  state_->over.wait_for(state_->mutex, wait);
}

}  // namespace weir::dagmanager
