// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/btree_map.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "dagmanager/core/records.h"

/// Which queues nobody writes to any more (contract section 3.14). A queue:
///
///   grows       it held more than at the look before, or nothing at all until now
///   is silent   it holds something and has not grown since; silence is counted from look to look,
///               never across a time in which nobody looked
///   completed   its silence has lasted for completion_after() of its node's interval; it is left
///               out of the sets that are told, until it grows
///
/// What falls (retention) is no growth. Silence that has lasted for a while is noted in the store,
/// so that who looks next need not begin anew.
namespace weir::dagmanager {

/// How long a queue has been silent, and what it held all the while.
struct QueueSilence {
  RowId queue = 0;
  std::int64_t size = 0;  ///< messages
  Duration lasted{};      ///< whole milliseconds are stored

  friend bool operator==(const QueueSilence&, const QueueSilence&) = default;
};

/// An active queue as a look saw it.
struct QueueLook {
  RowId queue = 0;
  std::int64_t interval = 0;           ///< of its node, seconds
  std::optional<std::int64_t> size{};  ///< messages; nothing: nobody said
  bool completed = false;              ///< as it is stored
};

/// What is to be written after a look; rows of queues rise.
struct CompletionPlan {
  std::vector<QueueSilence> completed;
  std::vector<RowId> resumed;        ///< they are completed no more
  std::vector<QueueSilence> noted;   ///< silence only, which nobody is told of
  std::vector<RowId> forgotten;      ///< notes of what grows, or is no queue any more
  std::size_t completed_in_all = 0;  ///< queues that are completed then

  bool empty() const {
    return completed.empty() && resumed.empty() && noted.empty() && forgotten.empty();
  }
};

/// How long a queue of a node has to be silent to be completed.
Duration completion_after(std::int64_t interval_seconds);

/// What is known of the queues between two looks.
class SilenceBook {
 public:
  /// As noted in the store.
  explicit SilenceBook(std::span<const QueueSilence> noted);

  /// `looks`: all active queues. `since`: the time between this look and the one before. The plan
  /// says what differs from what is stored, so that one that was not carried out, or in part only,
  /// comes again with the next look.
  CompletionPlan judge(std::span<const QueueLook> looks, Duration since);

 private:
  struct Entry {
    std::int64_t size = 0;
    Duration lasted{};
    std::optional<QueueSilence> noted = {};
  };

  Entry grown_by(const QueueLook& look, Duration since) const;
  static void decide(const QueueLook& look, Entry& entry, CompletionPlan& plan);

  absl::btree_map<RowId, Entry> entries_;
};

}  // namespace weir::dagmanager
