// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/queues/queue_life_store.h"
#include "dagmanager/queues/queue_collector.h"

/// Ending deploys by hand, and the passes that collect what they leave (contract section 3.12).
namespace weir::dagmanager {

/// What the loop is called.
inline constexpr const char* kGcLoop = "gc";

/// Cleanup, and the work of the loop `gc`. Any thread; waits for the store and the broker.
class CleanupService {
 public:
  /// All outlive the service.
  struct Parts {
    QueueLifeStore& life;
    QueueCollector& collector;
    const Clock& clock;
    /// The fence of the loop `gc`, while this instance holds it.
    std::function<std::optional<LoopFence>()> held;
    /// Told after each pass, with its report.
    std::function<void(const GcReport&)> passed;
    /// Asks for a pass of the loop soon; never blocks.
    std::function<void()> nudge;
  };

  explicit CleanupService(Parts parts) : parts_(std::move(parts)) {}

  /// Ends the deploys that `id` means, then runs one pass if this instance holds the loop. Nothing
  /// if another does, whose next pass sees it, or while a pass is under way, after which the loop
  /// runs another: callers' threads are few, and a pass that archives is long. Faults of
  /// QueueLifeStore::end_deploys. A pass that fails is no fault of the call: what was ended is
  /// ended, and the loop tries again.
  Result<std::optional<GcReport>> cleanup(const std::string& id, const std::string& actor);

  /// One pass of the loop.
  Result<void> pass(const LoopFence& fence);

 private:
  void tell(const GcReport& report) const;

  const Parts parts_;
};

/// The id of the body of `POST /admin/gc-trigger`; nothing if it has none, or is no JSON object.
std::optional<std::string> read_gc_trigger(const std::string& body);

/// The answer to it.
std::string gc_trigger_json(const std::optional<GcReport>& report);

}  // namespace weir::dagmanager
