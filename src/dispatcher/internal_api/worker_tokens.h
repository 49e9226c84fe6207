// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "server/auth/worker_token.h"

namespace weir::dispatcher {

/// The worker tokens that are valid now (contract section 3.1), read from where they are stored at
/// most every kWorkerTokensFresh, and only when one is presented. Any thread.
class WorkerTokens {
 public:
  using Load = std::function<Result<std::vector<auth::StoredWorkerToken>>()>;
  WorkerTokens(Load load, Clock& clock);

  /// The name of the token. UNAUTHENTICATED `worker_token_invalid`; UNAVAILABLE if the stored ones
  /// cannot be read and none were before.
  Result<std::string> check(std::string_view presented) WEIR_EXCLUDES(mutex_);

 private:
  Result<void> refresh() WEIR_REQUIRES(mutex_);

  const Load load_;
  Clock& clock_;
  base::Mutex mutex_;
  std::vector<auth::StoredWorkerToken> stored_ WEIR_GUARDED_BY(mutex_);
  Duration read_at_ WEIR_GUARDED_BY(mutex_){};
  bool read_ WEIR_GUARDED_BY(mutex_) = false;
};

inline constexpr Duration kWorkerTokensFresh = std::chrono::seconds(10);

}  // namespace weir::dispatcher
