// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/object_store.h"

/// What attempts that committed nothing left behind (contract section 6.7, point 5): found here,
/// judged by the caller's table of commits, removed in bounded steps.
namespace weir::storage {

/// Port: which attempts have a commit. Asked right before anything is removed.
class CommitLedger {
 public:
  virtual ~CommitLedger() = default;
  /// For each prefix whether any revision of any partition names it or a prefix below it; an answer
  /// a prefix, in order. Full URIs. Faults as the store behind has them; then nothing is removed.
  virtual Result<std::vector<bool>> names_any(std::span<const std::string> prefixes) = 0;
};

/// An attempt's staging or scratch, as it was listed.
struct AttemptFiles {
  ObjectPrefix prefix;
  std::size_t objects = 0;
  std::uint64_t bytes = 0;
  Instant newest;  ///< when the last of its objects was put
};

/// Walks over all attempts below a prefix (`datasets/` or `scratch/`) whose newest object is older
/// than `before`. Not thread-safe; the store must outlive it.
class AttemptScan {
 public:
  AttemptScan(ObjectStore& store, ObjectPrefix under, Instant before)
      : store_(store), under_(std::move(under)), before_(before) {}

  /// The next few, after at most kWasteListsMax listings; may be none although `done()` is false.
  /// After a fault the same call goes on where it was.
  Result<std::vector<AttemptFiles>> next();
  bool done() const { return done_; }

 private:
  void settle(std::vector<AttemptFiles>& found);

  ObjectStore& store_;
  const ObjectPrefix under_;
  const Instant before_;
  std::string after_;
  std::optional<AttemptFiles> current_;  // seen in part so far
  bool done_ = false;
};

/// Those of `attempts` that may be removed: the ledger names none of their prefixes.
Result<std::vector<AttemptFiles>> removable(ObjectStore& store, CommitLedger& ledger,
                                            std::span<const AttemptFiles> attempts);

/// Removes about `limit` (1 to kObjectPageMax) objects of an attempt, the markers of the partitions
/// they are of before them, so that what is removed by half verifies no more. `done` once nothing
/// is left.
Result<RemovedObjects> remove_attempt(ObjectStore& store, const ObjectPrefix& attempt,
                                      std::size_t limit);

/// One pass over `datasets/` and `scratch/`: removes what is older than `before` and removable, in
/// steps, as long as `go_on` says so; gives how many objects went. Whatever ended it, the next pass
/// goes on with what is left.
Result<std::size_t> remove_waste(ObjectStore& store, CommitLedger& ledger, Instant before,
                                 const std::function<bool()>& go_on);

}  // namespace weir::storage
