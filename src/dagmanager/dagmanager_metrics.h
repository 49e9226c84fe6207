// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "dagmanager/diff_executor.h"
#include "dagmanager/loops/periodic_loop.h"
#include "dagmanager/monitors/alert_sender.h"
#include "dagmanager/monitors/completion_watch.h"
#include "dagmanager/monitors/health_watch.h"
#include "dagmanager/monitors/lag_watch.h"
#include "dagmanager/ports/monitors/timed_topic_admin.h"
#include "dagmanager/rollouts/canary_executor.h"
#include "dagmanager/topics/reconciler.h"
#include "graph/dag.h"
#include "server/metrics.h"

namespace weir::dagmanager {

/// The DAG manager's metrics (contract section 1.6): names and labels are a wire format that alert
/// rules and dashboards depend on. Any thread.
class DagmanagerMetrics final : public DiffObserver,
                                public LoopObserver,
                                public NoticeObserver,
                                public ReconcileObserver,
                                public CanaryObserver,
                                public LagObserver,
                                public CompletionObserver,
                                public TopicCallObserver {
 public:
  explicit DagmanagerMetrics(server::Metrics& metrics);

  void diff_received();
  void diff_failed();
  void diff_planned();
  /// From receipt to commit, streaming apart.
  void diff_took(double milliseconds);
  /// From the answer to the end of the call, the client's part with it.
  void stream_took(Duration took);
  void ack_timed_out();
  void ack_unknown();
  void identity_findings(const std::vector<graph::IdentityFinding>& findings);
  /// All that are stored, the highest weight first: kVersionsShown of them, and `other` for the
  /// rest. What is not among them any more is not shown.
  void version_weights(const std::vector<VersionWeight>& weights);
  /// Spans that reached nobody. Called with 0 it shows that there are spans at all.
  void spans_dropped(std::size_t count);
  /// Control events that were too large for the bus. Called with 0 it shows that there is a bus.
  void control_events_oversize(std::size_t count);
  /// How large the graph is.
  void graph_counted(std::size_t nodes, std::size_t queues);

  void topics_wanted(std::size_t ok, std::size_t failed) override;
  Result<void> cross_context(const std::vector<CrossContextViolation>& violations) override;
  Result<void> topics_mismatched(const std::vector<TopicLogRow>& left_alone) override;
  void decided_anew() override;
  void waited_for_topics(Duration wait) override;

  void loop_ran(const std::string& loop, Instant at) override;
  void loop_took(const std::string& loop, Duration took) override;
  void loop_failed(const std::string& loop) override;
  void loop_left(const std::string& loop) override;
  /// kLagsShown of them.
  void queue_lags(const std::vector<QueueLag>& lags) override;
  void queues_completed(std::size_t count) override;
  void topics_called(std::string_view call, Duration took) override;
  void notice_sent(AlertTarget target, bool sent) override;
  /// What the health monitor looks at.
  DiffFigures figures() const WEIR_EXCLUDES(mutex_);
  /// A pass over all queues saw so many orphans.
  void orphans_seen(std::size_t orphans, Instant at);

  void mended(MendKind kind) override;
  void sentinel_gaps(std::size_t count) override;
  void topics_unowned(std::size_t count) override;
  void topic_recreated(const graph::TopicName& topic) override;
  Result<void> shared_topics(const std::vector<CrossContextViolation>& violations) override;
  void judged(Verdict verdict) override;
  void rolled_back(const RolloutRecord& rollout) override;
  void undecided(const RolloutRecord& rollout) override;

  server::Metrics& registry() { return metrics_; }

 private:
  static constexpr std::size_t kRecentDiffs = 100;

  void seen_by_loop(const server::MetricName& name, std::size_t count);

  server::Metrics& metrics_;
  server::Counter& requests_;
  server::Counter& failures_;
  server::Counter& failures_second_name_;
  server::Counter& create_errors_;
  server::Counter& create_errors_second_name_;
  server::Histogram& duration_;
  server::Histogram& streaming_;
  server::CappedCounters hits_;
  server::CappedCounters violations_;
  mutable base::Mutex mutex_;
  std::array<double, kRecentDiffs> recent_ WEIR_GUARDED_BY(mutex_) = {};
  std::size_t recorded_ WEIR_GUARDED_BY(mutex_) = 0;
  DiffFigures figures_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::dagmanager
