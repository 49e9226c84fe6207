// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/queues/orphan_watch.h"

#include <algorithm>
#include <span>
#include <utility>

#include "dagmanager/queues/limits.h"

namespace weir::dagmanager {
namespace {

/// Deploys that say something of queues, by key.
struct Holders {
  std::vector<std::string> keys;
  std::vector<bool> held;
  std::vector<bool> was_live;
};

Holders holders_of(const std::vector<DeployStanding>& deploys, std::size_t kept, Instant now) {
  const std::vector<bool> held = held_deploys(deploys, kept, now);
  Holders holders;
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    if (!held[i] && !deploys[i].was_live) continue;
    holders.keys.push_back(deploys[i].key);
    holders.held.push_back(held[i]);
    holders.was_live.push_back(deploys[i].was_live);
  }
  return holders;
}

}  // namespace

Result<OrphanReport> OrphanWatch::run_once(const LoopFence& fence) {
  WEIR_TRY(std::vector<OrphanRecord> known, parts_.life.orphans());
  WEIR_TRY(Seen seen, see_orphans(known));
  const OrphanMarks marks = mark_orphans(known, seen.orphans, parts_.clock.now());
  if (!marks.empty()) {
    WEIR_CHECK(parts_.life.mark(fence, marks));
    WEIR_TRY(known, parts_.life.orphans());
  }
  return report(std::move(seen), known);
}

/// The queues are listed before the deploys are read: whoever made one of them is among these.
Result<OrphanWatch::Seen> OrphanWatch::see_orphans(std::span<const OrphanRecord> known) {
  std::vector<RowId> queues;
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    queues = active_queues(view.index());
  }
  Seen seen;
  WEIR_TRY(const QueueReferences references, find_references(seen, known));
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    for (const RowId row : references.orphans(view.index(), queues)) {
      const QueueView queue = view.index().queue(row);
      seen.orphans.push_back({row, orphan_tag(queue.type(), references.was_live(row)), {}});
      seen.ttl_ms.push_back(queue.ttl_ms());
      seen.topics.emplace_back(queue.topic());
      const NodeView node = view.index().node(queue.node());
      seen.intervals.push_back(node ? std::optional(node.interval()) : std::nullopt);
    }
  }
  WEIR_CHECK(ask_sizes(seen));
  return seen;
}

Result<QueueReferences> OrphanWatch::find_references(Seen& seen,
                                                     std::span<const OrphanRecord> known) {
  WEIR_TRY(const auto deploys, parts_.life.deploys());
  const Instant now = parts_.clock.now();
  const Holders holders = holders_of(deploys, rules_.deploys_kept, now);
  for (std::size_t i = 0; i < holders.keys.size(); ++i) {
    if (holders.held[i]) seen.held.push_back(holders.keys[i]);
  }
  seen.ended = lately_ended(deploys, now);
  QueueReferences references;
  WEIR_CHECK(each_bound(holders.keys,
                        [&](const GraphIndex& graph, const DeployBindings& deploy, std::size_t i) {
                          references.add(graph, deploy, holders.held.at(i), holders.was_live.at(i));
                        }));
  WEIR_CHECK(hold_touched(seen.ended, known, references));
  return references;
}

/// A queue that was marked before a deploy of it was last seen was handed out meanwhile: its time
/// begins anew, although that deploy is ended by now and no pass saw it held.
Result<void> OrphanWatch::hold_touched(std::span<const EndedDeploy> ended,
                                       std::span<const OrphanRecord> known,
                                       QueueReferences& references) {
  if (known.empty()) return {};
  const Instant first = std::ranges::min(known, {}, &OrphanRecord::since).since;
  std::vector<std::string> keys;
  std::vector<Instant> last_seen;
  for (const EndedDeploy& one : ended) {
    if (one.last_seen <= first) continue;
    keys.push_back(one.key);
    last_seen.push_back(one.last_seen);
  }
  return each_bound(keys,
                    [&](const GraphIndex& graph, const DeployBindings& deploy, std::size_t i) {
                      QueueReferences bound;
                      bound.add(graph, deploy, true, false);
                      for (const OrphanRecord& orphan : known) {
                        if (orphan.since < last_seen.at(i) && bound.held(orphan.queue))
                          references.hold(orphan.queue);
                      }
                    });
}

/// A few deploys at a time, so that nobody waits long for the graph.
Result<void> OrphanWatch::each_bound(std::span<const std::string> keys,
                                     const BoundVisitor& visit) const {
  for (std::size_t at = 0; at < keys.size(); at += kWatchedDeploys) {
    const std::span<const std::string> page =
        keys.subspan(at, std::min(kWatchedDeploys, keys.size() - at));
    WEIR_TRY(const auto bindings, parts_.life.bindings(page));
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    for (const DeployBindings& deploy : bindings) {
      const auto place = std::ranges::find(page, deploy.key) - page.begin();
      visit(view.index(), deploy, at + static_cast<std::size_t>(place));
    }
  }
  return {};
}

Result<void> OrphanWatch::ask_sizes(Seen& seen) {
  const std::vector<graph::TopicName>& topics = seen.topics;
  for (std::size_t at = 0; at < topics.size(); at += kSizesPage) {
    const std::size_t count = std::min(kSizesPage, topics.size() - at);
    WEIR_TRY(const auto sizes, parts_.topics.sizes(std::span(topics).subspan(at, count)));
    for (std::size_t i = 0; i < count; ++i) seen.orphans[at + i].size = sizes[i];
  }
  return {};
}

OrphanReport OrphanWatch::report(Seen seen, const std::vector<OrphanRecord>& known) const {
  OrphanReport report;
  report.held = std::move(seen.held);
  report.ended = std::move(seen.ended);
  const Instant now = parts_.clock.now();
  for (std::size_t i = 0; i < seen.orphans.size(); ++i) {
    const auto record =
        std::ranges::lower_bound(known, seen.orphans[i].queue, {}, &OrphanRecord::queue);
    if (record == known.end() || record->queue != seen.orphans[i].queue) continue;
    ++report.observed;
    ++report.by_tag[record->tag];
    const OrphanStanding standing{.tag = record->tag,
                                  .ttl_ms = seen.ttl_ms[i],
                                  .since = record->since,
                                  .grown_at = record->grown_at};
    const GcVerdict verdict = judge_orphan(standing, rules_.policies, now);
    if (verdict.reason == GcReason::Eligible) ++report.eligible;
    report.orphans.push_back({*record, std::move(seen.topics[i]), seen.intervals[i], verdict});
  }
  return report;
}

}  // namespace weir::dagmanager
