// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/dagmanager_metrics.h"

#include <algorithm>
#include <chrono>

#include "dagmanager/limits.h"
#include "dagmanager/monitors/limits.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

const std::vector<double> kDurationBuckets = {1,   2,   5,   10,   20,   40,  80,
                                              100, 200, 500, 1000, 2000, 5000};

const std::vector<double> kCallBuckets = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30};

// Gauges of a loop, told by whoever runs it.
const server::MetricName kOrphans = {"orphan_queue_total",
                                     "Queues that no held deploy binds, as last seen here."};
const server::MetricName kQueueLag = {
    "queue_lag_seconds", "How far behind the slowest reader of a queue is; the largest."};
const server::MetricName kQueueLagBound = {"queue_lag_threshold_seconds",
                                           "How far behind the readers of a queue may be."};
const server::MetricName kQueuesCompleted = {
    "queues_completed", "Queues that nobody writes to any more, as last seen here."};
const server::MetricName kSentinelGaps = {
    "sentinel_gap_count", "Deploys whose due sentinel is missing or does not have them."};
const server::MetricName kTopicsUnowned = {
    "topics_unowned", "Topics in Weir's form that nothing in the graph knows."};

/// Counted and logged; who watches the process is told by either.
void rollout_alert(server::Metrics& metrics, const char* alert, const RolloutRecord& rollout) {
  metrics.counter({"rollout_alerts_total", "Alerts raised by rollouts."}, {{"alert", alert}})
      .Increment();
  server::log().warning(alert, {{"rollout", rollout.id},
                                {"sentinel", rollout.candidate.sentinel},
                                {"version", rollout.candidate.version},
                                {"world", rollout.world},
                                {"reason", rollout.rollout.reason}});
}

std::string or_unset(const std::string& value) { return value.empty() ? "__unset__" : value; }

}  // namespace

DagmanagerMetrics::DagmanagerMetrics(server::Metrics& metrics)
    : metrics_(metrics),
      requests_(metrics.counter({"diff_requests_total", "Diffs received, plan_only apart."})),
      failures_(metrics.counter({"diff_failures_total", "Diffs that failed."})),
      failures_second_name_(metrics.counter(
          {"dagmanager_diff_failures_total", "Diffs that failed (name of the rollout document)."})),
      create_errors_(metrics.counter(
          {"queue_create_error_total", "Topics that a diff wanted and could not get."})),
      create_errors_second_name_(
          metrics.counter({"dagmanager_queue_create_error_total",
                           "Topics that a diff could not get (name of the rollout document)."})),
      duration_(metrics.histogram({"diff_duration_ms", "Milliseconds from receipt to commit."},
                                  kDurationBuckets)),
      streaming_(metrics.histogram(
          {"diff_stream_ms", "Milliseconds from the answer of a diff to the end of its call."},
          kDurationBuckets)),
      hits_(metrics, {"cross_context_cache_hit_total", "Reuse across compute contexts, refused."}),
      violations_(metrics, {"cross_context_cache_violation_total",
                            "Reuse across compute contexts seen by a diff."}) {}

void DagmanagerMetrics::diff_received() { requests_.Increment(); }

void DagmanagerMetrics::diff_failed() {
  failures_.Increment();
  failures_second_name_.Increment();
}

void DagmanagerMetrics::diff_planned() {
  metrics_.counter({"diff_plan_total", "Diffs with plan_only."}).Increment();
}

void DagmanagerMetrics::diff_took(double milliseconds) {
  duration_.Observe(milliseconds);
  std::vector<double> recent;
  {
    const base::MutexLock lock(mutex_);
    recent_[recorded_++ % kRecentDiffs] = milliseconds;
    recent.assign(recent_.begin(),
                  recent_.begin() + static_cast<std::ptrdiff_t>(std::min(recorded_, kRecentDiffs)));
  }
  const auto rank = recent.begin() + static_cast<std::ptrdiff_t>((recent.size() * 95 - 1) / 100);
  std::ranges::nth_element(recent, rank);
  {
    const base::MutexLock lock(mutex_);
    ++figures_.diffs;
    figures_.p95_milliseconds = *rank;
  }
  metrics_.gauge({"diff_duration_ms_p95", "95th percentile of the last 100 diffs."}).Set(*rank);
}

void DagmanagerMetrics::stream_took(Duration took) {
  streaming_.Observe(std::chrono::duration<double, std::milli>(took).count());
}

void DagmanagerMetrics::ack_timed_out() {
  metrics_.counter({"diff_ack_timeout_total", "Streams whose client stopped acknowledging."})
      .Increment();
  const base::MutexLock lock(mutex_);
  ++figures_.ack_timeouts;
}

void DagmanagerMetrics::ack_unknown() {
  metrics_.counter({"diff_ack_unknown_total", "Acknowledgements for no stream of this instance."})
      .Increment();
}

void DagmanagerMetrics::identity_findings(const std::vector<graph::IdentityFinding>& findings) {
  const server::MetricName name{"identity_check_failures_total",
                                "Findings of the identity check, refused or not."};
  for (const graph::IdentityFinding& finding : findings) {
    metrics_.counter(name, {{"reason", finding.code}}).Increment();
    if (finding.no_prefix) metrics_.counter(name, {{"reason", "no_prefix"}}).Increment();
  }
}

void DagmanagerMetrics::version_weights(const std::vector<VersionWeight>& weights) {
  std::vector<server::GaugeSample> samples;
  samples.reserve(weights.size());
  for (const VersionWeight& one : weights) {
    const bool own = samples.size() < kVersionsShown;
    samples.push_back({{{"version", own ? one.version.text() : "other"}}, one.weight});
    if (!own) break;  // the highest of the rest
  }
  metrics_.replace_gauges(
      {"dagmanager_active_version_weight", "Traffic weight of a version label, the highest."},
      samples);
}

void DagmanagerMetrics::spans_dropped(std::size_t count) {
  metrics_.counter({"telemetry_spans_dropped_total", "Spans that no collector took."})
      .Increment(static_cast<double>(count));
}

void DagmanagerMetrics::control_events_oversize(std::size_t count) {
  metrics_
      .counter({"control_event_oversize_total",
                "Control events that were too large for the bus and are on the event stream only."})
      .Increment(static_cast<double>(count));
}

void DagmanagerMetrics::topics_wanted(std::size_t ok, std::size_t failed) {
  const server::MetricName name{"queue_create_total", "Topics wanted by diffs, by final outcome."};
  metrics_.counter(name, {{"result", "ok"}}).Increment(static_cast<double>(ok));
  metrics_.counter(name, {{"result", "error"}}).Increment(static_cast<double>(failed));
  if (failed == 0) return;
  create_errors_.Increment(static_cast<double>(failed));
  create_errors_second_name_.Increment(static_cast<double>(failed));
}

Result<void> DagmanagerMetrics::cross_context(
    const std::vector<CrossContextViolation>& violations) {
  for (const CrossContextViolation& violation : violations) {
    const graph::ComputeContext& wanted = violation.wanted;
    const std::string world = or_unset(wanted.world_id);
    const std::string domain = or_unset(wanted.execution_domain);
    hits_
        .with({{"node_id", violation.node.text()},
               {"world_id", world},
               {"execution_domain", domain},
               {"as_of", or_unset(wanted.as_of)},
               {"partition", or_unset(wanted.partition)}})
        .Increment();
    violations_
        .with(
            {{"node_id", violation.node.text()}, {"world_id", world}, {"execution_domain", domain}})
        .Increment();
  }
  return {};
}

void DagmanagerMetrics::graph_counted(std::size_t nodes, std::size_t queues) {
  metrics_.gauge({"compute_nodes_total", "Compute nodes of the graph."})
      .Set(static_cast<double>(nodes));
  metrics_.gauge({"queues_total", "Active queues of the graph."}).Set(static_cast<double>(queues));
}

Result<void> DagmanagerMetrics::topics_mismatched(const std::vector<TopicLogRow>& left_alone) {
  for (const TopicLogRow& row : left_alone) {
    server::log().warning("a topic of another shape has a node's name and is left alone",
                          {{"topic", row.topic.text()}, {"node", row.node_id}});
  }
  return {};
}

void DagmanagerMetrics::decided_anew() {
  metrics_.counter({"diff_decided_anew_total", "Diffs decided again because the graph changed."})
      .Increment();
}

void DagmanagerMetrics::waited_for_topics(Duration wait) {
  metrics_
      .histogram({"topic_wait_seconds",
                  "Seconds that a diff let pass before it went on with topics not there yet."},
                 kCallBuckets)
      .Observe(std::chrono::duration<double>(wait).count());
}

void DagmanagerMetrics::loop_ran(const std::string& loop, Instant at) {
  metrics_
      .gauge({"loop_last_run_timestamp", "When a loop ran last here, Unix seconds."},
             {{"loop", loop}})
      .Set(std::chrono::duration<double>(at.time_since_epoch()).count());
}

void DagmanagerMetrics::loop_took(const std::string& loop, Duration took) {
  metrics_.gauge({"loop_pass_seconds", "How long a loop's last pass took here."}, {{"loop", loop}})
      .Set(std::chrono::duration<double>(took).count());
}

void DagmanagerMetrics::orphans_seen(std::size_t orphans, Instant at) {
  seen_by_loop(kOrphans, orphans);
  metrics_.gauge({"gc_last_run_timestamp", "When queues were last looked through here."})
      .Set(std::chrono::duration<double>(at.time_since_epoch()).count());
}

void DagmanagerMetrics::topics_called(std::string_view call, Duration took) {
  metrics_
      .histogram({"topic_admin_call_seconds", "Seconds that a call to the topic engine took."},
                 kCallBuckets, {{"call", std::string(call)}})
      .Observe(std::chrono::duration<double>(took).count());
}

void DagmanagerMetrics::notice_sent(AlertTarget target, bool sent) {
  metrics_
      .counter({"alerts_sent_total", "Notices of alerts, by target and what came of them."},
               {{"target", std::string(target_text(target))}, {"result", sent ? "ok" : "error"}})
      .Increment();
}

DiffFigures DagmanagerMetrics::figures() const {
  const base::MutexLock lock(mutex_);
  return figures_;
}

void DagmanagerMetrics::mended(MendKind kind) {
  metrics_
      .counter({"reconciler_mends_total", "What the reconciler mended here, by kind."},
               {{"kind", std::string(mend_kind_text(kind))}})
      .Increment();
}

void DagmanagerMetrics::sentinel_gaps(std::size_t count) { seen_by_loop(kSentinelGaps, count); }

void DagmanagerMetrics::topics_unowned(std::size_t count) { seen_by_loop(kTopicsUnowned, count); }

void DagmanagerMetrics::seen_by_loop(const server::MetricName& name, std::size_t count) {
  metrics_.replace_gauges(name, {{{}, static_cast<double>(count)}});
}

void DagmanagerMetrics::queue_lags(const std::vector<QueueLag>& lags) {
  std::vector<server::GaugeSample> seconds;
  std::vector<server::GaugeSample> bounds;
  for (const QueueLag& lag : lags) {
    if (seconds.size() == kLagsShown) break;
    seconds.push_back({{{"topic", lag.topic}}, lag.seconds});
    bounds.push_back({{{"topic", lag.topic}}, static_cast<double>(lag.bound_seconds)});
  }
  metrics_.replace_gauges(kQueueLag, seconds);
  metrics_.replace_gauges(kQueueLagBound, bounds);
}

void DagmanagerMetrics::queues_completed(std::size_t count) {
  seen_by_loop(kQueuesCompleted, count);
}

/// Whoever runs it tells these from now on.
void DagmanagerMetrics::loop_left(const std::string& loop) {
  if (loop == "gc") {
    metrics_.replace_gauges(kOrphans, {});
  } else if (loop == kLagLoop) {
    queue_lags({});
  } else if (loop == kCompletionLoop) {
    metrics_.replace_gauges(kQueuesCompleted, {});
  } else if (loop == "reconciler") {
    metrics_.replace_gauges(kSentinelGaps, {});
    metrics_.replace_gauges(kTopicsUnowned, {});
  }
}

void DagmanagerMetrics::topic_recreated(const graph::TopicName& topic) {
  server::log().error("a topic was gone and is made again, without its content",
                      {{"topic", topic.text()}});
}

Result<void> DagmanagerMetrics::shared_topics(
    const std::vector<CrossContextViolation>& violations) {
  return cross_context(violations);
}

void DagmanagerMetrics::loop_failed(const std::string& loop) {
  metrics_.counter({"loop_failures_total", "Passes of a loop that failed."}, {{"loop", loop}})
      .Increment();
}

void DagmanagerMetrics::judged(Verdict verdict) {
  metrics_
      .counter({"rollout_verdicts_total", "Judgements of rollouts, by verdict."},
               {{"verdict", std::string(verdict_text(verdict))}})
      .Increment();
}

void DagmanagerMetrics::rolled_back(const RolloutRecord& rollout) {
  rollout_alert(metrics_, "RolloutRolledBack", rollout);
}

void DagmanagerMetrics::undecided(const RolloutRecord& rollout) {
  rollout_alert(metrics_, "RolloutUndecided", rollout);
}

}  // namespace weir::dagmanager
