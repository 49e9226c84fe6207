// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_mistakes.h"

#include <map>
#include <string>
#include <vector>

#include "tests/sim/forwarding_ports.h"

namespace weir::sim {
namespace {

using dagmanager::CreateAnswer;
using dagmanager::GraphChange;
using dagmanager::GraphStore;
using dagmanager::GraphView;
using dagmanager::IntentBatch;
using dagmanager::QueueView;
using dagmanager::Reservation;
using dagmanager::TopicAdmin;
using dagmanager::TopicSeen;
using dagmanager::TopicSpec;

class MistakenGraphStore final : public ForwardingGraphStore {
 public:
  MistakenGraphStore(GraphStore& inner, bool leaves_out, bool shares)
      : ForwardingGraphStore(inner), leaves_out_(leaves_out), shares_(shares) {}

  Result<Reservation> reserve(const IntentBatch& batch,
                              const std::function<void()>& meanwhile) override {
    WEIR_TRY(Reservation reserved, inner().reserve(batch, meanwhile));
    if (!shares_) return reserved;
    WEIR_TRY(const GraphView view, inner().read(nullptr));
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
    if (!leaves_out_ || change.queues.empty()) return inner().commit(change);
    GraphChange less = change;
    less.queues.pop_back();
    return inner().commit(less);
  }

 private:
  bool leaves_out_;
  bool shares_;
};

class MistakenTopicAdmin final : public ForwardingTopicAdmin {
 public:
  MistakenTopicAdmin(TopicAdmin& inner, bool forgets)
      : ForwardingTopicAdmin(inner), forgets_(forgets) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override {
    if (!forgets_ || topics.empty()) return inner().create(topics);
    WEIR_TRY(auto answers, inner().create(topics.first(topics.size() - 1)));
    answers.push_back(CreateAnswer::Created);
    pretended_.emplace(topics.back().topic.text(), topics.back().shape);
    return answers;
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override {
    WEIR_TRY(auto seen, inner().look(topics));
    for (const graph::TopicName& topic : topics) {
      const auto pretended = pretended_.find(topic.text());
      if (pretended != pretended_.end()) seen.push_back({topic, pretended->second});
    }
    return seen;
  }

 private:
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
