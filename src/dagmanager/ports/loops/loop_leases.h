// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

/// Loops that one instance of several runs at a time (contract section 3.18).
///
/// A loop has one row: who holds it, under which fence, until when. Its states:
///   held      `until` lies ahead. The holder renews the row, or gives it back; only a command that
///             stands in for the loop takes it away before that
///   lapsed    `until` is past, by the store's clock. Whoever asks next takes it and raises the
///   fence
/// A holder trusts its row for less time than the row lasts, by a clock that never goes back,
/// counted from before it asked. Beyond that nothing depends on clocks: every transaction of a loop
/// locks the row and gives up where the fence is not its own. Faults:
///   the holder dies              its row lapses, another goes on under the next fence
///   the holder cannot reach us   likewise; it stops by its own clock before that
///   the holder was stopped (a machine that slept) and goes on: its fence is not the row's any more
///   a reply is lost              the row is held, its holder does not know: it asks again
namespace weir::dagmanager {

/// What one holder's transactions name.
struct LoopFence {
  std::string loop;
  std::int64_t fence = 0;

  friend bool operator==(const LoopFence&, const LoopFence&) = default;
};

/// A loop that an instance would run, and when it last did.
struct LoopClaim {
  std::string loop;
  std::optional<Instant> last_run = {};
};

/// A row as it stands.
struct LoopLease {
  std::string loop;
  std::string holder;  ///< an instance's id; empty: given back
  std::int64_t fence = 0;
  Duration left{};  ///< until it lapses, by the store's clock; negative: it has
  std::optional<Instant> last_run = {};
  bool asked = false;  ///< an instance has left something for its next pass
};

/// Port: the rows. Of one graph store, whose faults it has; any thread.
class LoopLeases {
 public:
  virtual ~LoopLeases() = default;

  /// Renews those of the claimed loops' rows that are `holder`'s, takes those that are lapsed or
  /// nobody's, leaves the others. Gives all rows there are, by loop. One statement.
  virtual Result<std::vector<LoopLease>> renew(const std::string& holder,
                                               std::span<const LoopClaim> claims) = 0;

  /// Takes these loops' rows at once, whoever holds them: for who stands in for a loop for a while.
  /// Waits for the transactions that the loops have open; those that come after them find their
  /// fence void. Gives the fences, in the order of the loops.
  virtual Result<std::vector<LoopFence>> seize(const std::string& holder,
                                               std::span<const std::string> loops) = 0;

  /// Lets go of `holder`'s rows at once. Their fences are void from then on.
  virtual Result<void> give_back(const std::string& holder) = 0;
};

/// The fault of a transaction whose loop is another's by now: ABORTED `loop_lost`.
inline constexpr const char* kLoopLost = "loop_lost";
inline Error loop_lost(const LoopFence& fence) {
  return {Code::Aborted, kLoopLost, "another instance runs the loop " + fence.loop + " by now"};
}

}  // namespace weir::dagmanager
