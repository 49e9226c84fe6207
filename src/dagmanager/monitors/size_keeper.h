// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/topic_admin.h"
#include "server/log.h"
#include "server/loop_thread.h"

namespace weir::dagmanager {

/// How many messages the topics of queues hold, asked of the broker in the background, so that
/// nobody who wants to know waits for one (contract section 3.11). Each instance keeps its own: it
/// is what that instance answers with.
class SizeKeeper {
 public:
  /// All outlive the keeper.
  struct Parts {
    GraphStore& store;
    TopicAdmin& topics;
    const Clock& clock;
    server::Log& log;
    /// Whether it looks ahead of who asks: of brokers. An engine that is a table, or this process's
    /// memory, is asked then and there, and nothing while nobody asks.
    bool in_background = true;
  };

  explicit SizeKeeper(Parts parts) : parts_(parts), thread_(parts.clock) {}
  ~SizeKeeper() { stop(); }
  SizeKeeper(const SizeKeeper&) = delete;
  SizeKeeper& operator=(const SizeKeeper&) = delete;

  /// Looks once, if the engine answers, and goes on in the background.
  void start();
  /// Waits for a look that is under way. Safe twice, and before start().
  void stop() { thread_.stop(); }

  /// One look at all topics, in bounded pages. Where it fails, what was seen before stays until it
  /// is too old. One caller at a time.
  Result<void> look() WEIR_EXCLUDES(mutex_);

  /// What the newest look saw.
  struct Seen {
    Duration at{};  ///< monotonic, from before it was asked
    std::vector<std::optional<std::int64_t>> sizes;
  };
  /// A number a topic, in order; nothing for a topic that was not there or not looked at. Nothing
  /// at all if there was no look after `after`. Without any call to the broker.
  std::optional<Seen> seen(std::optional<Duration> after,
                           std::span<const graph::TopicName> topics) const WEIR_EXCLUDES(mutex_);

  /// Messages held, a number a topic, in order, at most kSizesAgeMax old; nothing for a topic that
  /// was not there. One whose queue came since holds nothing, and is looked at soon. Without any
  /// call to the broker; UNAVAILABLE `broker_unavailable` where that is gone.
  Result<std::vector<std::optional<std::int64_t>>> sizes(std::span<const graph::TopicName> topics)
      WEIR_EXCLUDES(mutex_);

 private:
  using Sizes = absl::flat_hash_map<std::string, std::optional<std::int64_t>>;

  std::optional<Duration> turn();

  const Parts parts_;
  bool failing_ = false;  // the thread's own
  mutable base::Mutex mutex_;
  Sizes sizes_ WEIR_GUARDED_BY(mutex_);
  std::optional<Duration> seen_at_ WEIR_GUARDED_BY(mutex_);  // monotonic, from before it was asked
  server::LoopThread thread_;
};

}  // namespace weir::dagmanager
