// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/queues/queue_collector.h"

#include <algorithm>
#include <utility>

#include "base/crash_point.h"
#include "base/json_line.h"

namespace weir::dagmanager {
namespace {

constexpr const char* kActor = "loop:gc";

GcItem item_of(const JudgedOrphan& orphan) {
  return {.queue = orphan.topic,
          .tag = orphan.record.tag,
          .interval = orphan.interval,
          .action = orphan.verdict.action,
          .reason = orphan.verdict.reason};
}

/// Those whose time has come, who waited longest first.
std::vector<const JudgedOrphan*> candidates_of(const OrphanReport& seen) {
  std::vector<const JudgedOrphan*> due;
  for (const JudgedOrphan& orphan : seen.orphans) {
    if (orphan.verdict.reason == GcReason::Eligible) due.push_back(&orphan);
  }
  std::ranges::sort(due, {}, [](const JudgedOrphan* orphan) {
    return std::pair(std::max(orphan->record.since, orphan->record.grown_at), orphan->record.queue);
  });
  return due;
}

void append_item(std::string& out, const GcItem& item) {
  JsonLine object(out);
  object.text("queue", item.queue.view()).text("tag", item.tag);
  if (item.interval) {
    object.number("interval", *item.interval);
  } else {
    object.raw("interval", "null");
  }
  object.text("action", gc_action_text(item.action)).text("reason", gc_reason_text(item.reason));
  if (item.archive_status.empty()) {
    object.raw("archive_status", "null");
  } else {
    object.text("archive_status", item.archive_status);
  }
  object.end();
}

}  // namespace

Result<GcReport> QueueCollector::run_once(const LoopFence& fence) {
  {
    const base::MutexLock lock(mutex_);
    while (busy_) idle_.wait(mutex_);
    busy_ = true;
  }
  auto report = pass(fence);
  end_pass();
  return report;
}

Result<std::optional<GcReport>> QueueCollector::run_if_idle(const LoopFence& fence) {
  {
    const base::MutexLock lock(mutex_);
    if (busy_) return std::optional<GcReport>();
    busy_ = true;
  }
  auto report = pass(fence);
  end_pass();
  if (!report.ok()) return report.error();
  return std::optional(*std::move(report));
}

void QueueCollector::settle() {
  const base::MutexLock lock(mutex_);
  while (busy_) idle_.wait(mutex_);
}

void QueueCollector::end_pass() {
  const base::MutexLock lock(mutex_);
  busy_ = false;
  idle_.notify_all();
}

Result<GcReport> QueueCollector::pass(const LoopFence& fence) {
  const std::string cause = base::uuid_v4(parts_.random);
  WEIR_CHECK(finish_leaving(fence, cause));
  WEIR_TRY(const OrphanReport seen, watch_.run_once(fence));
  GcReport report{.observed = seen.observed, .candidates = seen.eligible, .by_tag = seen.by_tag};
  WEIR_TRY(Batch batch, choose(fence, seen, cause, report));
  if (!batch.collection.queues.empty()) {
    WEIR_TRY(const std::vector<RowId> gone, parts_.life.collect(fence, batch.collection));
    for (std::size_t i = 0; i < batch.items.size(); ++i) {
      GcItem& item = batch.items[i];
      if (std::ranges::binary_search(gone, batch.collection.queues[i].queue)) {
        report.processed.push_back(std::move(item));
        continue;
      }
      item.action = GcAction::Skip;
      item.reason = GcReason::Referenced;
      skip(std::move(item), report);
    }
    WEIR_CHECK(finish_leaving(fence, cause));
  }
  for (const JudgedOrphan& orphan : seen.orphans) {
    if (orphan.verdict.reason != GcReason::Eligible) skip(item_of(orphan), report);
  }
  return report;
}

/// Steps 3 and 4 of whatever went, by this pass or by one that was cut off. It is asked under the
/// fence what that is, right before it is deleted: another holder may have given the name away.
Result<void> QueueCollector::finish_leaving(const LoopFence& fence, const std::string& cause) {
  WEIR_TRY(const std::vector<LeavingQueue> leaving, parts_.life.leaving(fence));
  for (std::size_t at = 0; at < leaving.size(); at += kGcBatch) {
    const std::size_t count = std::min(kGcBatch, leaving.size() - at);
    std::vector<graph::TopicName> topics;
    topics.reserve(count);
    for (std::size_t i = 0; i < count; ++i) topics.push_back(leaving[at + i].topic);
    if (!holds(fence)) return loop_lost(fence);
    WEIR_TRY(const std::vector<bool> gone, parts_.topics.remove(topics));
    WEIR_CRASH_POINT("gc.after_delete");
    Forgetting done{.queues = {}, .actor = kActor, .cause = cause, .at = parts_.clock.now()};
    for (std::size_t i = 0; i < count; ++i) {
      if (gone.at(i)) done.queues.push_back(leaving[at + i].queue);
    }
    if (!done.queues.empty()) WEIR_CHECK(parts_.life.forget(fence, done));
  }
  return {};
}

/// A broker whose load is not known is taken for a busy one.
std::size_t QueueCollector::batch_size() const {
  if (parts_.load == nullptr || rules_.capacity <= 0) return kGcBatch;
  const auto load = parts_.load->messages_per_second();
  const bool busy = !load.ok() || *load > kBusyShare * rules_.capacity;
  return busy ? kGcBatch / 2 : kGcBatch;
}

Result<QueueCollector::Batch> QueueCollector::choose(const LoopFence& fence,
                                                     const OrphanReport& seen,
                                                     const std::string& cause,
                                                     GcReport& report) const {
  Batch batch{.collection = {.queues = {},
                             .held = seen.held,
                             .ended = seen.ended,
                             .deploys_kept = rules_.gc.deploys_kept,
                             .actor = kActor,
                             .cause = cause,
                             .at = parts_.clock.now()},
              .items = {}};
  std::vector<const JudgedOrphan*> due = candidates_of(seen);
  if (due.empty()) return batch;
  due.resize(std::min(due.size(), batch_size()));
  for (const JudgedOrphan* orphan : due) {
    GcItem item = item_of(*orphan);
    QueueEnd end{
        .queue = orphan->record.queue, .action = orphan->verdict.action, .tag = orphan->record.tag};
    if (end.action == GcAction::Archive && !holds(fence)) return loop_lost(fence);
    if (end.action == GcAction::Archive && !archive(fence, *orphan, item, end)) {
      skip(std::move(item), report);
      continue;
    }
    batch.collection.queues.push_back(std::move(end));
    batch.items.push_back(std::move(item));
  }
  return batch;
}

/// Step 1. What cannot be archived stays.
bool QueueCollector::archive(const LoopFence& fence, const JudgedOrphan& orphan, GcItem& item,
                             QueueEnd& end) const {
  item.archive_status = "missing_client";
  if (parts_.archiver != nullptr) {
    const auto kept = parts_.archiver->archive({.topic = orphan.topic,
                                                .tag = orphan.record.tag,
                                                .interval = orphan.interval.value_or(0),
                                                .moment = orphan.record.since},
                                               [&] { return holds(fence); });
    item.archive_status = kept.ok() ? "archived" : "failed";
    if (kept.ok()) {
      end.archive_key = kept->key;
      return true;
    }
  }
  item.action = GcAction::Skip;
  item.reason = GcReason::ArchiveFailed;
  return false;
}

void QueueCollector::skip(GcItem item, GcReport& report) {
  ++report.skips;
  if (report.skipped.size() < kReportedSkips) report.skipped.push_back(std::move(item));
}

std::string report_json(const GcReport& report) {
  std::size_t drops = 0;
  for (const GcItem& item : report.processed) drops += item.action == GcAction::Drop ? 1 : 0;
  std::string out;
  JsonLine object(out);
  object.number("observed", report.observed).number("candidates", report.candidates);
  object.key("processed");
  base::append_json_list(out, report.processed, [&](const GcItem& item) {
    base::append_json_text(out, item.queue.view());
  });
  object.key("skipped");
  base::append_json_list(out, report.skipped, [&](const GcItem& item) { append_item(out, item); });
  object.key("actions");
  JsonLine(out)
      .number("drop", drops)
      .number("archive", report.processed.size() - drops)
      .number("skip", report.skips)
      .end();
  object.key("by_tag");
  {
    JsonLine tags(out);
    for (const auto& [tag, count] : report.by_tag) tags.number(tag, count);
    tags.end();
  }
  std::vector<GcItem> items = report.processed;
  items.insert(items.end(), report.skipped.begin(), report.skipped.end());
  object.key("items");
  base::append_json_list(out, items, [&](const GcItem& item) { append_item(out, item); });
  object.end();
  return out;
}

}  // namespace weir::dagmanager
