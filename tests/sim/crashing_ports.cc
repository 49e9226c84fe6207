// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/crashing_ports.h"

namespace weir::sim {
namespace {

Error store_down() { return base::unavailable("graph_unavailable", "the call was lost"); }
Error outcome_unknown() {
  return base::unavailable("commit_unknown", "the reply to the commit was lost");
}
Error broker_down() { return base::unavailable("broker_unavailable", "the call was lost"); }

/// A call that changes nothing: lost is lost.
template <class Call>
auto read_call(CallFate& fate, const Error& lost, Call call) -> decltype(call()) {
  switch (fate.draw()) {
    case CallFate::Kind::LostBefore:
    case CallFate::Kind::LostAfter:
      return lost;
    case CallFate::Kind::Normal:
    case CallFate::Kind::Twice:
      break;
  }
  return call();
}

/// A call that changes something: where its reply is lost, it was carried out all the same.
template <class Call>
auto write_call(CallFate& fate, const Error& lost, const Error& unknown, Call call)
    -> decltype(call()) {
  switch (fate.draw()) {
    case CallFate::Kind::LostBefore:
      return lost;
    case CallFate::Kind::LostAfter:
      (void)call().ok();
      return unknown;
    case CallFate::Kind::Twice:
      (void)call().ok();
      break;
    case CallFate::Kind::Normal:
      break;
  }
  return call();
}

std::string outcomes_text(const dagmanager::IntentBatch& batch, const Reservation& reserved) {
  std::string text = "reserve";
  for (std::size_t i = 0; i < batch.intents.size(); ++i) {
    const dagmanager::IntentOutcome& outcome = reserved.outcomes[i];
    text += " " + batch.intents[i].topic.text() +
            (outcome.queue == 0 ? " taken"
             : outcome.joined   ? " joined"
                                : " made") +
            ";";
  }
  return text;
}

std::string names_text(const char* what, std::span<const TopicSpec> topics) {
  std::string text = what;
  for (const TopicSpec& topic : topics) text += " " + topic.topic.text();
  return text;
}

}  // namespace

CallFate::Kind CallFate::draw() {
  if (crashed_) return Kind::LostBefore;
  if (between_) between_();
  if (random_.chance(faults_.crash_before)) {
    crashed_ = true;
    tell("dies before the next call");
    return Kind::LostBefore;
  }
  if (random_.chance(faults_.crash_after)) {
    crashed_ = true;
    tell("dies after the next call");
    return Kind::LostAfter;
  }
  if (random_.chance(faults_.lost_before)) return told(Kind::LostBefore, "the next call is lost");
  if (random_.chance(faults_.lost_after)) return told(Kind::LostAfter, "the next reply is lost");
  if (random_.chance(faults_.twice)) return told(Kind::Twice, "the next call arrives twice");
  return Kind::Normal;
}

CallFate::Kind CallFate::told(Kind kind, const char* what) {
  tell(what);
  return kind;
}

Result<GraphView> CrashingGraphStore::read(const DeployKey* deploy) {
  return read_call(fate_, store_down(), [&] { return inner().read(deploy); });
}

Result<Reservation> CrashingGraphStore::reserve(const dagmanager::IntentBatch& batch,
                                                const std::function<void()>& meanwhile) {
  return write_call(fate_, store_down(), outcome_unknown(), [&] {
    auto reserved = inner().reserve(batch, meanwhile);
    if (reserved.ok()) {
      if (fate_.traces()) fate_.tell(outcomes_text(batch, *reserved));
      fate_.reserved_ = true;
      for (const dagmanager::IntentOutcome& outcome : reserved->outcomes) {
        fate_.joined_ = fate_.joined_ || outcome.joined;
        fate_.refused_name_ = fate_.refused_name_ || outcome.queue == 0;
      }
    }
    return reserved;
  });
}

Result<dagmanager::Committed> CrashingGraphStore::commit(const dagmanager::GraphChange& change) {
  const auto call = [&] {
    auto committed = inner().commit(change);
    fate_.committed_ = fate_.committed_ || committed.ok();
    fate_.tell(committed.ok() ? "commit" : "commit: " + committed.error().describe());
    return committed;
  };
  auto committed = write_call(fate_, store_down(), outcome_unknown(), call);
  fate_.lost_a_commit_ = fate_.lost_a_commit_ || (!committed.ok() && fate_.committed_);
  return committed;
}

Result<std::optional<DeployRecord>> CrashingGraphStore::newest_deploy(
    const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) {
  return read_call(fate_, store_down(), [&] { return inner().newest_deploy(strategy, world); });
}

Result<std::optional<SentinelRecord>> CrashingGraphStore::newest_sentinel(
    const graph::SentinelId& id, const graph::WorldId& world) {
  return read_call(fate_, store_down(), [&] { return inner().newest_sentinel(id, world); });
}

Result<std::vector<std::pair<dagmanager::RowId, TopicLogRow>>> CrashingGraphStore::topic_log(
    dagmanager::RowId after, std::size_t limit) {
  return read_call(fate_, store_down(), [&] { return inner().topic_log(after, limit); });
}

Result<void> CrashingGraphStore::ping() {
  return read_call(fate_, store_down(), [&] { return inner().ping(); });
}

Result<std::vector<CreateAnswer>> CrashingTopicAdmin::create(std::span<const TopicSpec> topics) {
  return write_call(fate_, broker_down(), broker_down(), [&] {
    if (fate_.traces()) fate_.tell(names_text("create", topics));
    return inner().create(topics);
  });
}

Result<std::vector<TopicSeen>> CrashingTopicAdmin::look(std::span<const graph::TopicName> topics) {
  return read_call(fate_, broker_down(), [&] { return inner().look(topics); });
}

}  // namespace weir::sim
