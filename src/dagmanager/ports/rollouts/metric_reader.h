// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace weir::dagmanager {

/// Port: figures that others measure (contract section 3.22). Any thread.
class MetricReader {
 public:
  virtual ~MetricReader() = default;

  /// The one sample that a query comes to now, a finite number or an infinite one. NOT_FOUND
  /// `no_sample` where it comes to none, to several, or to no number; UNAVAILABLE
  /// `metrics_unavailable` where nobody answered in time: to ask again at once is in vain.
  /// INVALID_ARGUMENT `query_refused` with the answer's words.
  virtual Result<double> read(const std::string& query) = 0;
};

/// The fault of a source of figures that does not answer.
inline constexpr const char* kMetricsUnavailable = "metrics_unavailable";

}  // namespace weir::dagmanager
