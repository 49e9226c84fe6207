// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <list>

#include "base/mutex.h"

namespace weir::http {

/// Set once, by any thread, it ends every call that looks at it. Outlives these calls.
class CancelFlag {
 public:
  CancelFlag() = default;
  ~CancelFlag() = default;
  CancelFlag(const CancelFlag&) = delete;
  CancelFlag& operator=(const CancelFlag&) = delete;

  /// For good. Not from a signal handler.
  void set() WEIR_EXCLUDES(mutex_);
  bool is_set() const WEIR_EXCLUDES(mutex_);

  /// Calls `wake` when the flag is set while this lives, at once if it is set already. `wake` runs
  /// under the flag's lock: it must not block nor use the flag. A null flag is never set.
  class Watch {
   public:
    Watch(CancelFlag* flag, std::function<void()> wake);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    CancelFlag* flag_;
    std::list<std::function<void()>>::iterator place_;
  };

 private:
  mutable base::Mutex mutex_;
  bool set_ WEIR_GUARDED_BY(mutex_) = false;
  std::list<std::function<void()>> watches_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::http
