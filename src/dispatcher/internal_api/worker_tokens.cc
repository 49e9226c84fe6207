// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/internal_api/worker_tokens.h"

#include <utility>

namespace weir::dispatcher {

WorkerTokens::WorkerTokens(Load load, Clock& clock) : load_(std::move(load)), clock_(clock) {}

Result<void> WorkerTokens::refresh() {
  auto loaded = load_();
  if (loaded.ok()) {
    stored_ = *std::move(loaded);
    read_at_ = clock_.monotonic();
    read_ = true;
    changed_ = mark_.empty();
    return {};
  }
  // What was read before still counts while the database is away.
  if (read_) return {};
  return std::move(loaded).error();
}

void WorkerTokens::confirm(std::string_view mark) {
  const base::MutexLock lock(mutex_);
  if (mark != mark_) changed_ = true;
  mark_ = mark;
  // They were read after a look that saw the same.
  if (read_ && !changed_) read_at_ = clock_.monotonic();
}

Result<std::string> WorkerTokens::check(std::string_view presented) {
  const base::MutexLock lock(mutex_);
  if (!read_ || (changed_ && !mark_.empty()) || clock_.monotonic() - read_at_ >= kWorkerTokensFresh)
    WEIR_CHECK(refresh());
  WEIR_TRY(const auth::StoredWorkerToken* token,
           auth::check_worker_token(presented, stored_, clock_.now()));
  return token->name;
}

}  // namespace weir::dispatcher
