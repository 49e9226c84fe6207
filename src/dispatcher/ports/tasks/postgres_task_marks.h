// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "dispatcher/core/ids.h"

namespace weir::dispatcher {

/// Searches that begin at a mark before one begins anew: so much later is a task found that another
/// process put before a mark, or held there and let go.
inline constexpr std::size_t kMarkedSearchesMax = 128;
/// Searches before it is tried again whether one build alone offers, after it was not so.
inline constexpr std::size_t kNotAloneSearches = 32;

/// Where ready tasks of a build begin in a queue, as far as claims of this process have gone and
/// its writes have not put one before them. A search that begins there does not walk over what was
/// claimed long ago and which some snapshot still sees, nor over what is being claimed: claims of
/// one process do not step over each other's locks. A claim that fails forgets the marks. Any
/// thread.
class ReadyMarks {
 public:
  /// A place in the claim order.
  struct Place {
    Instant rank{};
    TaskId task = {};  ///< the least of those of the rank; the least of all ids: any
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Mark {
    BuildId build;
    std::string queue;
    Place place;
  };

  /// The marks of the queues, for one search; from time to time none, while others keep theirs.
  std::vector<Mark> use(std::span<const std::string> queues) WEIR_EXCLUDES(mutex_);
  /// A claim left nothing ready before it.
  void set(const Mark& mark) WEIR_EXCLUDES(mutex_);
  /// A task of that rank is queued now.
  void lower(const Mark& to) WEIR_EXCLUDES(mutex_);
  void forget() WEIR_EXCLUDES(mutex_);

  /// Whether it is worth trying if one build alone offers; not for a while after it was not so.
  bool may_be_alone() WEIR_EXCLUDES(mutex_);
  void not_alone() WEIR_EXCLUDES(mutex_);

 private:
  base::Mutex mutex_;
  std::map<std::pair<BuildId, std::string>, Place> marks_ WEIR_GUARDED_BY(mutex_);
  std::size_t searches_ WEIR_GUARDED_BY(mutex_) = 0;
  std::size_t alone_from_ WEIR_GUARDED_BY(mutex_) = 0;  ///< the search that may try it again
};

}  // namespace weir::dispatcher
