// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_mistakes.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::sim {
namespace {

using dagmanager::CreateAnswer;
using dagmanager::DeployKey;
using dagmanager::DeployRecord;
using dagmanager::GraphChange;
using dagmanager::GraphStore;
using dagmanager::GraphView;
using dagmanager::IntentBatch;
using dagmanager::QueueView;
using dagmanager::Reservation;
using dagmanager::RowId;
using dagmanager::SentinelRecord;
using dagmanager::TopicAdmin;
using dagmanager::TopicLogRow;
using dagmanager::TopicSeen;
using dagmanager::TopicSpec;

class MistakenGraphStore final : public GraphStore {
 public:
  MistakenGraphStore(GraphStore& inner, bool leaves_out, bool shares)
      : inner_(inner), leaves_out_(leaves_out), shares_(shares) {}

  Result<GraphView> read(const DeployKey* deploy) override { return inner_.read(deploy); }

  Result<Reservation> reserve(const IntentBatch& batch,
                              const std::function<void()>& meanwhile) override {
    WEIR_TRY(Reservation reserved, inner_.reserve(batch, meanwhile));
    if (!shares_) return reserved;
    WEIR_TRY(const GraphView view, inner_.read(nullptr));
    for (std::size_t i = 0; i < batch.intents.size(); ++i) {
      const QueueView holder =
          view.index().queue_by_topic(graph::topic_key(batch.intents[i].topic));
      if (reserved.outcomes[i].queue == 0 && holder) {
        reserved.outcomes[i] = {holder.row(), true};
      }
    }
    return reserved;
  }

  Result<dagmanager::Committed> commit(const GraphChange& change) override {
    if (!leaves_out_ || change.queues.empty()) return inner_.commit(change);
    GraphChange less = change;
    less.queues.pop_back();
    return inner_.commit(less);
  }

  Result<std::optional<DeployRecord>> newest_deploy(
      const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) override {
    return inner_.newest_deploy(strategy, world);
  }
  Result<std::optional<SentinelRecord>> newest_sentinel(const graph::SentinelId& id,
                                                        const graph::WorldId& world) override {
    return inner_.newest_sentinel(id, world);
  }
  Result<std::vector<std::pair<RowId, TopicLogRow>>> topic_log(RowId after,
                                                               std::size_t limit) override {
    return inner_.topic_log(after, limit);
  }
  Result<void> ping() override { return inner_.ping(); }

 private:
  GraphStore& inner_;
  bool leaves_out_;
  bool shares_;
};

class MistakenTopicAdmin final : public TopicAdmin {
 public:
  MistakenTopicAdmin(TopicAdmin& inner, bool forgets) : inner_(inner), forgets_(forgets) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override {
    if (!forgets_ || topics.empty()) return inner_.create(topics);
    WEIR_TRY(auto answers, inner_.create(topics.first(topics.size() - 1)));
    answers.push_back(CreateAnswer::Created);
    pretended_.emplace(topics.back().topic.text(), topics.back().shape);
    return answers;
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override {
    WEIR_TRY(auto seen, inner_.look(topics));
    for (const graph::TopicName& topic : topics) {
      const auto pretended = pretended_.find(topic.text());
      if (pretended != pretended_.end()) seen.push_back({topic, pretended->second});
    }
    return seen;
  }
  Result<std::vector<TopicSeen>> list() override { return inner_.list(); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    return inner_.sizes(topics);
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override {
    return inner_.remove(topics);
  }
  Result<int> broker_count() override { return inner_.broker_count(); }
  Result<void> ping() override { return inner_.ping(); }

 private:
  TopicAdmin& inner_;
  bool forgets_;
  std::map<std::string, graph::TopicShape> pretended_;
};

}  // namespace

std::unique_ptr<GraphStore> make_mistaken(GraphStore& inner, bool leaves_out_a_queue,
                                          bool shares_a_taken_name) {
  return std::make_unique<MistakenGraphStore>(inner, leaves_out_a_queue, shares_a_taken_name);
}

std::unique_ptr<TopicAdmin> make_mistaken(TopicAdmin& inner, bool forgets_a_topic) {
  return std::make_unique<MistakenTopicAdmin>(inner, forgets_a_topic);
}

}  // namespace weir::sim
