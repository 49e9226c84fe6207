// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "server/auth/worker_token.h"

namespace weir::dispatcher {

/// The worker tokens that are valid now (contract section 3.1), read from where they are stored at
/// most every kWorkerTokensFresh, only when one is presented, and not while it is known that they
/// are the same. Any thread.
class WorkerTokens {
 public:
  using Load = std::function<Result<std::vector<auth::StoredWorkerToken>>()>;
  WorkerTokens(Load load, Clock& clock);

  /// The name of the token. UNAUTHENTICATED `worker_token_invalid`; UNAVAILABLE if the stored ones
  /// cannot be read and none were before.
  Result<std::string> check(std::string_view presented) WEIR_EXCLUDES(mutex_);
  /// Somebody has looked whether the stored ones changed: `mark` changes with them. Where it has
  /// not, what was read is as fresh as this.
  void confirm(std::string_view mark) WEIR_EXCLUDES(mutex_);

 private:
  Result<void> refresh() WEIR_REQUIRES(mutex_);

  const Load load_;
  Clock& clock_;
  base::Mutex mutex_;
  std::vector<auth::StoredWorkerToken> stored_ WEIR_GUARDED_BY(mutex_);
  Duration read_at_ WEIR_GUARDED_BY(mutex_){};
  std::string mark_ WEIR_GUARDED_BY(mutex_);
  bool changed_ WEIR_GUARDED_BY(mutex_) = true;  // since they were read, as far as is known
  bool read_ WEIR_GUARDED_BY(mutex_) = false;
};

inline constexpr Duration kWorkerTokensFresh = std::chrono::seconds(10);

}  // namespace weir::dispatcher
