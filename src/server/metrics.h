// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "server/limits.h"

namespace weir::server {

using Counter = prometheus::Counter;      // Increment(), Increment(double)
using Gauge = prometheus::Gauge;          // Set(double), Increment(), Decrement()
using Histogram = prometheus::Histogram;  // Observe(double)
using Labels = std::map<std::string, std::string>;

struct MetricName {
  std::string name;
  std::string help;
};

struct GaugeSample {
  Labels labels;
  double value = 0;
};

/// The metrics of one process, in Prometheus' words. A metric appears on /metrics from the moment
/// it is asked for here, so what nothing feeds is absent. Any thread; references stay good as long
/// as this lives. Two kinds under one name are our own mistake and stop the program.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The same name and labels give the same metric again.
  Counter& counter(const MetricName& name, const Labels& labels = {});
  Gauge& gauge(const MetricName& name, const Labels& labels = {});
  /// `bounds`: upper bounds of the buckets, rising.
  Histogram& histogram(const MetricName& name, const std::vector<double>& bounds,
                       const Labels& labels = {});

  /// Makes `samples` all the samples of a gauge; without any the gauge is absent.
  void replace_gauges(const MetricName& name, const std::vector<GaugeSample>& samples);

  /// Runs before each exposition, to set gauges that are read rather than fed. Must be quick, must
  /// not call `text`, and what it uses must outlive the last exposition.
  void before_exposition(std::function<void()> refresh);

  /// The text for /metrics (Prometheus text format 0.0.4; content type `kMetricsContentType`).
  std::string text();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/// Counters of one name whose label values come from callers: at most `sets_max` label sets are
/// kept apart; what comes later counts under the same label names with the value `other`. Any
/// thread. `metrics` outlives this.
class CappedCounters {
 public:
  CappedCounters(Metrics& metrics, MetricName name, std::size_t sets_max = kLabelSetsMaxDefault);

  Counter& with(const Labels& labels);

 private:
  Metrics& metrics_;
  const MetricName name_;
  const std::size_t sets_max_;
  base::Mutex mutex_;
  std::set<Labels> seen_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::server
