// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"

namespace weir::dagmanager {

/// Port: how much the broker has to do (contract section 3.12). Any thread.
class LoadSource {
 public:
  virtual ~LoadSource() = default;

  /// UNAVAILABLE `load_unknown`.
  virtual Result<double> messages_per_second() = 0;
};

}  // namespace weir::dagmanager
