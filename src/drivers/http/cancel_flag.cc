// SPDX-License-Identifier: Apache-2.0
#include "drivers/http/cancel_flag.h"

#include <utility>

namespace weir::http {

void CancelFlag::set() {
  const base::MutexLock lock(mutex_);
  if (set_) return;
  set_ = true;
  for (const auto& wake : watches_) wake();
}

bool CancelFlag::is_set() const {
  const base::MutexLock lock(mutex_);
  return set_;
}

CancelFlag::Watch::Watch(CancelFlag* flag, std::function<void()> wake) : flag_(flag) {
  if (flag_ == nullptr) return;
  const base::MutexLock lock(flag_->mutex_);
  if (flag_->set_) wake();
  place_ = flag_->watches_.insert(flag_->watches_.end(), std::move(wake));
}

CancelFlag::Watch::~Watch() {
  if (flag_ == nullptr) return;
  const base::MutexLock lock(flag_->mutex_);
  flag_->watches_.erase(place_);
}

}  // namespace weir::http
