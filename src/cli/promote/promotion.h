// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "cli/client/dagmanager_client.h"
#include "cli/promote/backtest_hook.h"
#include "dagmanager.pb.h"
#include "graph/compute_context.h"
#include "graph/ids.h"

/// Brings a graph into traffic through the gate (contract section 3.23), in this order:
///
///     lint -> is it free to go? -> backtests -> submit at weight 0 -> rollout
///
/// Nothing is written before `submit`, and what that writes gets no traffic. Killed before it,
/// nothing was; killed after it, a deploy stands at weight 0; killed once the rollout has begun, it
/// goes on without us. The same call again does what is left: a rollout of this very graph that is
/// under way, or has come to its end, is taken up and not begun twice.
namespace weir::cli {

/// What is to be promoted: a graph as candidate_json gives it, and where it goes.
struct Candidate {
  std::string file;  ///< how it is called
  std::string json;
  graph::StrategyId strategy;
  graph::RawContext context;               ///< what the flags say
  wire::StartRolloutRequest rollout = {};  ///< baseline and steps; the rest is filled in
};

/// What was seen of a graph before anything was done.
struct Subject {
  graph::SentinelId sentinel;
  graph::VersionLabel version;
  graph::WorldId world;
  std::string node_set;
};

/// Why there is no rollout, where that is not a fault of the server's; the message is for people.
inline constexpr const char* kLintFailed = "lint_failed";
inline constexpr const char* kNotPromotable = "not_promotable";

/// One thread; everything outlives it.
class Promotion {
 public:
  struct Parts {
    DagmanagerClient& client;
    Clock& clock;
    std::function<void(const std::string&)> tell;  ///< takes a line of progress
  };

  explicit Promotion(Parts parts) : parts_(std::move(parts)) {}

  /// The rollout that has begun, or that is under way or done already. FAILED_PRECONDITION
  /// `lint_failed` with the findings, `backtests_failed`, `not_promotable`; faults of the server.
  Result<wire::Rollout> start(const Candidate& candidate, const dagmanager::BacktestHook& hook);

  /// Follows a rollout until it is done or rolled back, and gives what it then is. A server that is
  /// away is waited for, at most kServerGoneMax at a time.
  Result<wire::Rollout> follow(const wire::Rollout& rollout);

 private:
  Result<wire::GateEvidence> lint(const Candidate& candidate);
  Result<Subject> look_at(const Candidate& candidate) const;
  Result<std::optional<wire::Rollout>> begun_before(const Candidate& candidate,
                                                    const Subject& subject);
  Result<std::optional<wire::Rollout>> find_rollout(const Candidate& candidate,
                                                    const Subject& subject);
  Result<void> submit(const Candidate& candidate, const Subject& subject);
  Parts parts_;
};

}  // namespace weir::cli
