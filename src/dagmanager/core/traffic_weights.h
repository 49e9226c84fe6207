// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "dagmanager/core/records.h"

/// Shares of traffic that operators set (contract section 3.20): pure.
namespace weir::dagmanager {

/// Versions of one sentinel that a weight is chosen among, the newest.
inline constexpr std::size_t kSentinelVersionsMax = 10'000;

/// What an operator asks for.
struct WeightRequest {
  graph::SentinelId sentinel;
  graph::VersionLabel version = {};  ///< empty: the newest of sentinel and world
  graph::WorldId world = {};         ///< empty: the sentinel's only one
  double weight = 0;
  std::optional<double> expect = {};  ///< the weight must be this one still; none is 0
};

/// Who asks, and when.
struct WeightChange {
  WeightRequest request;
  std::string actor;
  Instant at{};
};

/// What comes of it.
struct WeightOutcome {
  SentinelRecord sentinel;  ///< with the weight it has now
  double previous = 0;
  bool changed = false;  ///< false: it had the weight already, and nothing is told
};

/// One thing that a person changed: rows are only ever added.
struct AuditRow {
  Instant at{};
  std::string actor;
  std::string action;  ///< `set_weight`
  graph::WorldId world;
  graph::SentinelId sentinel;
  graph::VersionLabel version;
  std::optional<double> from;  ///< nothing: it had none
  double to = 0;

  friend bool operator==(const AuditRow&, const AuditRow&) = default;
};

/// INVALID_ARGUMENT `weight_out_of_range`, `missing_field`: what is wrong whatever is stored.
Result<void> check_weight(const WeightRequest& request);

/// Decides among the stored versions of the sentinel, oldest first. Besides the faults above:
/// INVALID_ARGUMENT `world_required`, NOT_FOUND `unknown_sentinel`, FAILED_PRECONDITION
/// `weight_changed`.
Result<WeightOutcome> decide_weight(std::span<const SentinelRecord> stored,
                                    const WeightRequest& request);

/// The row that a change leaves.
AuditRow audit_of(const WeightOutcome& outcome, std::optional<double> from,
                  const WeightChange& change);

}  // namespace weir::dagmanager
