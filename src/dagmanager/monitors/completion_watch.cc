// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/completion_watch.h"

#include <algorithm>
#include <span>
#include <utility>

#include "dagmanager/monitors/limits.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

/// The active queues of a graph, and their topics, in one order.
struct ActiveQueues {
  std::vector<QueueLook> looks;
  std::vector<graph::TopicName> topics;
};

ActiveQueues active_queues(const GraphIndex& index) {
  ActiveQueues queues;
  queues.looks.reserve(index.queue_count());
  queues.topics.reserve(index.queue_count());
  index.for_each_queue([&](const QueueView& queue) {
    if (!queue.is_active()) return;
    const NodeView node = index.node(queue.node());
    queues.looks.push_back({.queue = queue.row(),
                            .interval = node ? node.interval() : 0,
                            .completed = queue.completed()});
    queues.topics.emplace_back(queue.topic());
  });
  return queues;
}

/// Calls write(part) for parts of at most kCompletionBatch, in order.
template <class Row, class Write>
Result<void> in_batches(const std::vector<Row>& rows, const Write& write) {
  for (std::size_t at = 0; at < rows.size(); at += kCompletionBatch) {
    const auto part = std::span(rows).subspan(at, std::min(kCompletionBatch, rows.size() - at));
    WEIR_CHECK(write(std::vector<Row>(part.begin(), part.end())));
  }
  return {};
}

}  // namespace

Result<void> CompletionWatch::run_once(const LoopFence& fence) {
  WEIR_TRY(const auto planned, parts_.enabled ? plan(fence) : plan_without());
  if (!planned) return {};
  if (auto written = carry_out(fence, *planned); !written.ok()) {
    book_.reset();
    return written;
  }
  parts_.observer.queues_completed(planned->completed_in_all);
  if (!planned->completed.empty() || !planned->resumed.empty()) {
    server::log().info(
        "queues are completed, or grow again",
        {{"completed", planned->completed.size()}, {"resumed", planned->resumed.size()}});
  }
  return {};
}

/// Nothing if there was no look since.
Result<std::optional<CompletionPlan>> CompletionWatch::plan(const LoopFence& fence) {
  if (!book_ || fence_ != fence) WEIR_CHECK(begin(fence));
  if (!parts_.sizes.seen(seen_at_, {})) return std::optional<CompletionPlan>();
  ActiveQueues queues;
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    queues = active_queues(view.index());
  }
  const auto seen = parts_.sizes.seen(seen_at_, queues.topics);
  if (!seen) return std::optional<CompletionPlan>();
  for (std::size_t at = 0; at < queues.looks.size(); ++at) {
    queues.looks[at].size = seen->sizes[at];
  }
  const Duration since = seen_at_ ? seen->at - *seen_at_ : Duration::zero();
  seen_at_ = seen->at;
  return std::optional(book_->judge(queues.looks, since));
}

Result<std::optional<CompletionPlan>> CompletionWatch::plan_without() {
  CompletionPlan plan;
  WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
  view.index().for_each_queue([&](const QueueView& queue) {
    if (queue.is_active() && queue.completed()) plan.resumed.push_back(queue.row());
  });
  return std::optional(std::move(plan));
}

/// From what is noted; the time until the next look is no silence that anybody saw.
Result<void> CompletionWatch::begin(const LoopFence& fence) {
  book_.reset();
  WEIR_TRY(const auto noted, parts_.completion.silences(fence));
  book_.emplace(noted);
  fence_ = fence;
  seen_at_.reset();
  return {};
}

Result<void> CompletionWatch::carry_out(const LoopFence& fence, const CompletionPlan& plan) {
  const Instant at = parts_.clock.now();
  WEIR_CHECK(in_batches(plan.completed, [&](std::vector<QueueSilence> rows) -> Result<void> {
    WEIR_CHECK(
        parts_.completion.change(fence, {.completed = std::move(rows), .resumed = {}, .at = at}));
    return {};
  }));
  WEIR_CHECK(in_batches(plan.resumed, [&](std::vector<RowId> rows) -> Result<void> {
    WEIR_CHECK(
        parts_.completion.change(fence, {.completed = {}, .resumed = std::move(rows), .at = at}));
    return {};
  }));
  WEIR_CHECK(in_batches(plan.noted, [&](std::vector<QueueSilence> rows) {
    return parts_.completion.note(fence, {.put = std::move(rows), .forgotten = {}});
  }));
  return in_batches(plan.forgotten, [&](std::vector<RowId> rows) {
    return parts_.completion.note(fence, {.put = {}, .forgotten = std::move(rows)});
  });
}

}  // namespace weir::dagmanager
