// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/topic_admin.h"
#include "tests/sim/forwarding_ports.h"

/// Ports of one simulated process: calls that are lost before or after they are carried out, that
/// arrive twice, or during which the process dies.
namespace weir::sim {

using dagmanager::CreateAnswer;
using dagmanager::DeployKey;
using dagmanager::DeployRecord;
using dagmanager::GraphStore;
using dagmanager::GraphView;
using dagmanager::Reservation;
using dagmanager::SentinelRecord;
using dagmanager::TopicAdmin;
using dagmanager::TopicLogRow;
using dagmanager::TopicSeen;
using dagmanager::TopicSpec;

/// How often each thing happens to a call, in percent.
struct CallFaults {
  unsigned lost_before = 0;
  unsigned lost_after = 0;
  unsigned twice = 0;
  unsigned crash_before = 0;
  unsigned crash_after = 0;
};

/// What befalls the calls of one process. Once it has crashed, every call of it fails.
class CallFate {
 public:
  enum class Kind { Normal, LostBefore, LostAfter, Twice };

  /// `trace`, if given, is told of every call.
  CallFate(base::SeededRandom& random, CallFaults faults, std::function<void()> between,
           std::string* trace)
      : random_(random), faults_(faults), between_(std::move(between)), trace_(trace) {}

  /// Lets others run first, then says what becomes of the next call.
  Kind draw();

  bool traces() const { return trace_ != nullptr; }
  void tell(const std::string& what) {
    if (trace_ != nullptr) *trace_ += "    . " + what + "\n";
  }

  bool crashed() const { return crashed_; }
  /// What the process had done when it died.
  bool reserved() const { return reserved_; }
  bool committed() const { return committed_; }
  bool joined() const { return joined_; }
  bool refused_name() const { return refused_name_; }
  bool lost_a_commit() const { return lost_a_commit_; }

 private:
  friend class CrashingGraphStore;

  Kind told(Kind kind, const char* what);

  base::SeededRandom& random_;
  CallFaults faults_;
  std::function<void()> between_;
  std::string* trace_;
  bool crashed_ = false;
  bool reserved_ = false;
  bool committed_ = false;
  bool joined_ = false;
  bool refused_name_ = false;
  bool lost_a_commit_ = false;  // it came about, its reply was lost
};

class CrashingGraphStore final : public ForwardingGraphStore {
 public:
  CrashingGraphStore(GraphStore& inner, CallFate& fate)
      : ForwardingGraphStore(inner), fate_(fate) {}

  Result<GraphView> read(const DeployKey* deploy) override;
  Result<Reservation> reserve(const dagmanager::IntentBatch& batch,
                              const std::function<void()>& meanwhile) override;
  Result<dagmanager::Committed> commit(const dagmanager::GraphChange& change) override;
  Result<std::optional<DeployRecord>> newest_deploy(
      const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) override;
  Result<std::optional<SentinelRecord>> newest_sentinel(const graph::SentinelId& id,
                                                        const graph::WorldId& world) override;
  Result<std::vector<std::pair<dagmanager::RowId, TopicLogRow>>> topic_log(
      dagmanager::RowId after, std::size_t limit) override;
  Result<void> ping() override;

 private:
  CallFate& fate_;
};

class CrashingTopicAdmin final : public ForwardingTopicAdmin {
 public:
  CrashingTopicAdmin(TopicAdmin& inner, CallFate& fate)
      : ForwardingTopicAdmin(inner), fate_(fate) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override;
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override;

 private:
  CallFate& fate_;
};

}  // namespace weir::sim
