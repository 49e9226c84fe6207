// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "dagmanager/ports/queues/load_source.h"
#include "dagmanager/queues/orphan_watch.h"
#include "dagmanager/queues/topic_archiver.h"

namespace weir::dagmanager {

/// What became of one orphan in a pass (contract section 1.3).
struct GcItem {
  graph::TopicName queue;
  std::string tag;
  std::optional<std::int64_t> interval;  ///< seconds
  GcAction action = GcAction::Skip;
  GcReason reason = GcReason::Eligible;
  std::string archive_status = {};  ///< `archived`, `missing_client`, `failed`, or empty
};

/// A pass, as it is told.
struct GcReport {
  std::size_t observed = 0;    ///< orphans
  std::size_t candidates = 0;  ///< of these, past TTL and grace, before the batch was cut
  std::map<std::string, std::size_t> by_tag;
  std::vector<GcItem> processed = {};
  std::vector<GcItem> skipped = {};  ///< the first kReportedSkips
  std::size_t skips = 0;             ///< all of them
};

/// The loop `gc`: one pass sees what no deploy holds (OrphanWatch) and brings a batch of what is
/// past its time to its end. The steps of a queue's end, and a crash after each:
///
///   archive      where the policy says so; else, or where it fails, the queue stays.
///                The next pass writes it again, under the same name
///   collect      one transaction: unreferenced still, bindings gone, told, logged.
///                The next pass finds it among what leaves
///   delete       the topic. A repeat finds it gone
///   forget       one transaction: the record goes, the name is free
///
/// Whoever holds the loop next goes on with what leaves first. Any thread; one pass at a time,
/// which may take long: it archives.
class QueueCollector {
 public:
  /// All outlive the collector.
  struct Parts {
    GraphStore& store;
    QueueLifeStore& life;
    TopicAdmin& topics;
    TopicArchiver* archiver;  ///< none: what is to be archived stays
    LoadSource* load;         ///< none: every batch is whole
    const Clock& clock;
    Random& random;
    /// Whether the loop is still held under this fence, by this instance's own clock. A broker
    /// knows no fences: it is asked right before a topic is deleted, for another holder may have
    /// given its name away by then; and between archives, which are long. None: always.
    std::function<bool(const LoopFence&)> holds = {};
  };
  struct Rules {
    GcRules gc = {};
    double capacity = 0;  ///< messages the broker can take a second; 0: not known
  };

  QueueCollector(Parts parts, Rules rules)
      : parts_(parts),
        rules_(std::move(rules)),
        watch_({parts.store, parts.life, parts.topics, parts.clock}, rules_.gc) {}

  /// One pass under the loop's fence, after one that is under way. Faults of the ports; ABORTED
  /// `loop_lost`.
  Result<GcReport> run_once(const LoopFence& fence) WEIR_EXCLUDES(mutex_);
  /// The same, but nothing at once while another pass is under way.
  Result<std::optional<GcReport>> run_if_idle(const LoopFence& fence) WEIR_EXCLUDES(mutex_);
  /// Waits for a pass that is under way.
  void settle() WEIR_EXCLUDES(mutex_);

 private:
  /// A batch on its way: what is to go, and what is said of each.
  struct Batch {
    Collection collection;
    std::vector<GcItem> items;  // of collection.queues, in order
  };

  Result<GcReport> pass(const LoopFence& fence);
  void end_pass() WEIR_EXCLUDES(mutex_);
  Result<void> finish_leaving(const LoopFence& fence, const std::string& cause);
  std::size_t batch_size() const;
  bool holds(const LoopFence& fence) const { return !parts_.holds || parts_.holds(fence); }
  Result<Batch> choose(const LoopFence& fence, const OrphanReport& seen, const std::string& cause,
                       GcReport& report) const;
  bool archive(const LoopFence& fence, const JudgedOrphan& orphan, GcItem& item,
               QueueEnd& end) const;
  static void skip(GcItem item, GcReport& report);

  const Parts parts_;
  const Rules rules_;
  OrphanWatch watch_;  // of the pass that is under way
  base::Mutex mutex_;
  base::CondVar idle_;
  bool busy_ WEIR_GUARDED_BY(mutex_) = false;
};

/// `{"observed":…}` as contract section 1.3 has it.
std::string report_json(const GcReport& report);

}  // namespace weir::dagmanager
