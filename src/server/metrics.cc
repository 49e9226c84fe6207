// SPDX-License-Identifier: Apache-2.0
#include "server/metrics.h"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <exception>
#include <utility>

#include "base/assert.h"

namespace weir::server {

struct Metrics::State {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};

  base::Mutex mutex;
  std::vector<std::function<void()>> refreshes WEIR_GUARDED_BY(mutex);
  // What replace_gauges made last, a family a name.
  std::map<std::string, std::map<Labels, Gauge*>> replaced WEIR_GUARDED_BY(mutex);
};

namespace {

/// Runs what prometheus-cpp refuses with exceptions: bad names, two kinds under one name. Both are
/// our own mistakes.
template <class Make>
decltype(auto) checked(Make make) {
  try {
    return make();
  } catch (const std::exception&) {
    constexpr bool kNameAndLabelsAreLegal = false;
    WEIR_ASSERT(kNameAndLabelsAreLegal);
    throw;
  }
}

prometheus::Family<Gauge>& gauge_family(prometheus::Registry& registry, const MetricName& name) {
  return prometheus::BuildGauge().Name(name.name).Help(name.help).Register(registry);
}

}  // namespace

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const MetricName& name, const Labels& labels) {
  return checked([&]() -> Counter& {
    return prometheus::BuildCounter()
        .Name(name.name)
        .Help(name.help)
        .Register(state_->registry)
        .Add(labels);
  });
}

Gauge& Metrics::gauge(const MetricName& name, const Labels& labels) {
  return checked([&]() -> Gauge& { return gauge_family(state_->registry, name).Add(labels); });
}

Histogram& Metrics::histogram(const MetricName& name, const std::vector<double>& bounds,
                              const Labels& labels) {
  return checked([&]() -> Histogram& {
    return prometheus::BuildHistogram()
        .Name(name.name)
        .Help(name.help)
        .Register(state_->registry)
        .Add(labels, bounds);
  });
}

void Metrics::replace_gauges(const MetricName& name, const std::vector<GaugeSample>& samples) {
  const base::MutexLock lock(state_->mutex);
  std::map<Labels, Gauge*>& now = state_->replaced[name.name];
  checked([&] {
    auto& family = gauge_family(state_->registry, name);
    std::map<Labels, Gauge*> before = std::exchange(now, {});
    for (const GaugeSample& sample : samples) {
      Gauge& gauge = family.Add(sample.labels);
      gauge.Set(sample.value);
      now[sample.labels] = &gauge;
      before.erase(sample.labels);
    }
    for (const auto& [labels, gauge] : before) family.Remove(gauge);
  });
}

void Metrics::before_exposition(std::function<void()> refresh) {
  const base::MutexLock lock(state_->mutex);
  state_->refreshes.push_back(std::move(refresh));
}

std::string Metrics::text() {
  std::vector<std::function<void()>> refreshes;
  {
    const base::MutexLock lock(state_->mutex);
    refreshes = state_->refreshes;
  }
  for (const auto& refresh : refreshes) refresh();
  std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
  std::erase_if(families, [](const auto& family) { return family.metric.empty(); });
  return checked([&] { return prometheus::TextSerializer().Serialize(families); });
}

CappedCounters::CappedCounters(Metrics& metrics, MetricName name, std::size_t sets_max)
    : metrics_(metrics), name_(std::move(name)), sets_max_(sets_max) {}

Counter& CappedCounters::with(const Labels& labels) {
  const base::MutexLock lock(mutex_);
  if (seen_.contains(labels) || seen_.size() < sets_max_) {
    seen_.insert(labels);
    return metrics_.counter(name_, labels);
  }
  Labels other = labels;
  for (auto& [label, value] : other) value = "other";
  return metrics_.counter(name_, other);
}

}  // namespace weir::server
