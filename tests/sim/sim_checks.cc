// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_checks.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/blake3.h"

namespace weir::sim {
namespace {

using dagmanager::GraphIndex;
using dagmanager::NodeView;
using dagmanager::PendingEvent;
using dagmanager::QuerySet;
using dagmanager::QueueRecord;
using dagmanager::QueueState;
using dagmanager::QueueView;
using dagmanager::RowId;
using dagmanager::TopicSeen;

/// The queries that TagQuery nodes with a queue ask.
std::vector<QuerySet> asked_queries(const GraphIndex& index) {
  std::vector<QuerySet> asked;
  index.for_each_queue([&](const QueueView& queue) {
    if (!queue.is_active()) return;
    const auto query = index.node(queue.node()).query();
    if (!query || !query->has_interval || query->tags.empty()) return;
    asked.push_back({query->tags, query->interval, query->match_all, queue.binding().scope});
  });
  return asked;
}

/// The answer to a query, found by looking through everything.
std::set<std::string> answer_to(const QuerySet& query, const GraphIndex& index) {
  std::set<std::string> topics;
  index.for_each_queue([&](const QueueView& queue) {
    if (!queue.is_active() || queue.binding().scope != query.scope) return;
    if (query_matches(query, index.node(queue.node()).record())) topics.emplace(queue.topic());
  });
  return topics;
}

Violation check_queue(const QueueRecord& queue, const GraphIndex& index,
                      const std::map<std::string, graph::TopicShape>& topics) {
  if (queue.state != QueueState::Active) return {};
  if (!index.node(queue.node)) return "no node for queue " + queue.topic.text();
  const auto topic = topics.find(queue.topic.text());
  if (topic == topics.end()) return "no topic for queue " + queue.topic.text();
  if (topic->second != queue.shape) return "another shape of topic " + queue.topic.text();
  return {};
}

/// An event as its reader sees it.
struct ReadEvent {
  nlohmann::json data;
  std::string topic;
};

ReadEvent read_event(const PendingEvent& event) {
  return {nlohmann::json::parse(event.event.envelope)["data"], event.event.topic};
}

std::string text_of(const nlohmann::json& data, const char* name) { return data.value(name, ""); }

std::set<std::string> queues_of(const nlohmann::json& data) {
  std::set<std::string> queues;
  for (const auto& queue : data["queues"]) queues.insert(queue["queue"].get<std::string>());
  return queues;
}

std::string query_text(const QuerySet& query) {
  return nlohmann::json(query.tags).dump() + std::to_string(query.interval) +
         (query.match_all ? "all" : "any") + "/" + query.scope.world_id + "/" +
         query.scope.execution_domain;
}

}  // namespace

std::string query_text(const nlohmann::json& data) {
  return data["tags"].dump() + data["interval"].dump() + text_of(data, "match_mode") + "/" +
         text_of(data, "world_id") + "/" + text_of(data, "execution_domain");
}

std::map<std::string, std::set<std::string>> asked_answers(const GraphIndex& index) {
  std::map<std::string, std::set<std::string>> answers;
  for (const QuerySet& query : asked_queries(index)) {
    answers[query_text(query)] = answer_to(query, index);
  }
  return answers;
}

SimAnswer answer_of(const dagmanager::DiffOutcome& outcome) {
  SimAnswer answer;
  for (const dagmanager::AnswerEntry& entry : outcome.answer.entries) {
    answer.queue_map[entry.key] = entry.topic.text();
  }
  answer.sentinel = outcome.answer.sentinel.text();
  answer.version = outcome.answer.version.text();
  answer.answer_id = outcome.answer.answer_id();
  return answer;
}

Violation check_graph(const GraphIndex& index, const std::vector<TopicSeen>& topics,
                      const ForeignTopics& foreign) {
  std::map<std::string, graph::TopicShape> there;
  for (const TopicSeen& topic : topics) there.emplace(topic.topic.text(), topic.shape);
  std::set<std::string> names;
  std::set<std::string> bindings;
  Violation wrong;
  index.for_each_queue([&](const QueueView& stored) {
    if (!wrong.empty()) return;
    const QueueRecord queue = stored.record();
    if (!names.insert(graph::topic_key(queue.topic).text()).second) {
      wrong = "topic twice: " + queue.topic.text();
    } else if (!bindings.insert(queue.binding_key.text()).second) {
      wrong = "binding twice: " + queue.binding_key.text();
    } else {
      wrong = check_queue(queue, index, there);
    }
  });
  if (!wrong.empty()) return wrong;
  std::set<std::string> foreign_keys;
  for (const auto& [name, shape] : foreign) {
    if (!there.contains(name) || there.at(name) != shape) return "a foreign topic changed: " + name;
    foreign_keys.insert(graph::topic_key(graph::TopicName(name)).text());
  }
  for (const auto& [name, shape] : there) {
    const graph::TopicKey key = graph::topic_key(graph::TopicName(name));
    const QueueView owner = index.queue_by_topic(key);
    if (owner && owner.topic() == name) continue;
    // Beside a name that a broker would confuse with it, ours is made before the other is seen.
    if (!foreign_keys.contains(key.text())) return "a topic without owner: " + name;
  }
  return {};
}

namespace {

Violation check_entry(const dagmanager::AnswerEntry& entry, const dagmanager::DiffScope& scope,
                      const GraphIndex& index) {
  const QueueView queue = index.queue_by_topic(graph::topic_key(entry.topic));
  if (!queue || queue.topic() != entry.topic.view() || !queue.is_active()) {
    return "answered topic is not bound: " + entry.topic.text();
  }
  const NodeView node = index.node(queue.node());
  if (!node || node.fingerprint() != base::blake3(entry.node->canonical)) {
    return "topic " + entry.topic.text() + " carries another content than " +
           entry.node->node_id.text();
  }
  const graph::ComputeKey key = graph::compute_key(node.id(), scope.context());
  const QueueRecord kept = queue.record();
  if (kept.compute_key != key) return "reuse under another compute key: " + entry.topic.text();
  const graph::BindingKey binding =
      graph::binding_key(key, scope.context(), scope.binding->strategy);
  if (kept.binding_key != binding) return "another's binding: " + entry.topic.text();
  if (entry.key.find("#ck=" + key.text()) == std::string::npos) {
    return "the map's key has another compute key: " + entry.key;
  }
  return {};
}

/// Ids under which the answered nodes are stored.
std::vector<std::string> stored_ids(const dagmanager::DiffOutcome& outcome,
                                    dagmanager::GraphStore& store) {
  const auto view = store.read(nullptr);
  std::vector<std::string> ids;
  for (const dagmanager::AnswerEntry& entry : outcome.answer.entries) {
    const QueueView queue = view->index().queue_by_topic(graph::topic_key(entry.topic));
    ids.push_back(view->index().node(queue.node()).id().text());
  }
  return ids;
}

/// The hash of a set of ids, as a deploy's key has it.
std::string hash_of(std::vector<std::string> ids) {
  std::ranges::sort(ids);
  base::Blake3 hash;
  for (const std::string& id : ids) hash.update(id).update("\n");
  base::Digest digest{};
  hash.finish(digest);
  return base::to_hex(digest);
}

/// The deploy that the diff stored or found, as it is now.
Violation check_deploy(const SimCommand& command, const dagmanager::DiffOutcome& outcome,
                       dagmanager::GraphStore& store) {
  const dagmanager::DiffScope& scope = outcome.scope;
  const dagmanager::DeployKey key{scope.binding->strategy, scope.context(), scope.version,
                                  hash_of(stored_ids(outcome, store))};
  {
    const auto view = store.read(&key);
    if (!view->deploy()) return "no deploy row";
    const bool due = command.dag->sentinel && !scope.context().safe_mode;
    if (due && !view->deploy()->sentinel_due) return "the deploy's sentinel is not due";
  }
  const auto newest =
      store.newest_deploy(command.fields.strategy, graph::WorldId(scope.context().world_id));
  if (!*newest || (*newest)->key.text() != key.text()) return {};
  const auto view = store.read(nullptr);
  const dagmanager::DeployRecord& deploy = **newest;
  if (deploy.nodes.size() != outcome.answer.entries.size()) return "deploy of other nodes";
  for (std::size_t i = 0; i < deploy.nodes.size(); ++i) {
    const NodeView node = view->index().node(deploy.nodes[i].node);
    if (!node) return "deploy of a node that is not stored";
    const QueueView queue = view->index().queue_by_binding(
        graph::binding_key(graph::compute_key(node.id(), deploy.key.context), deploy.key.context,
                           deploy.key.strategy));
    if (!queue || queue.topic() != outcome.answer.entries[i].topic.view()) {
      return "the deploy's topics are not the map's";
    }
  }
  return {};
}

}  // namespace

Violation check_answer(const SimCommand& command, const dagmanager::DiffOutcome& outcome,
                       dagmanager::GraphStore& store) {
  if (outcome.answer.entries.size() != command.dag->nodes.size()) return "nodes without an entry";
  {
    const auto view = store.read(nullptr);
    for (const dagmanager::AnswerEntry& entry : outcome.answer.entries) {
      if (auto wrong = check_entry(entry, outcome.scope, view->index()); !wrong.empty()) {
        return wrong;
      }
    }
  }
  if (outcome.sentinel_stored) {
    const auto sentinel = store.newest_sentinel(outcome.scope.sentinel,
                                                graph::WorldId(outcome.scope.context().world_id));
    if (!*sentinel || (*sentinel)->version != outcome.scope.version) return "no sentinel stored";
  }
  return check_deploy(command, outcome, store);
}

Violation check_shapes(const GraphIndex& index, const graph::TopicShapes& shapes) {
  Violation wrong;
  index.for_each_queue([&](const QueueView& stored) {
    if (!stored.is_active()) return;
    const QueueRecord queue = stored.record();
    if (queue.shape != shapes.at(static_cast<std::size_t>(queue.type))) {
      wrong = "a topic of another shape in prod: " + queue.topic.text();
    }
  });
  return wrong;
}

Violation ComputeKeys::check(const GraphIndex& index) {
  Violation wrong;
  index.for_each_queue([&](const QueueView& stored) {
    if (!stored.is_active()) return;
    const QueueRecord queue = stored.record();
    const auto [seen, fresh] = seen_.emplace(queue.topic.text(), queue.compute_key.text());
    if (!fresh && seen->second != queue.compute_key.text()) {
      wrong = "topic under two compute keys: " + queue.topic.text();
    }
  });
  return wrong;
}

Violation check_events(const std::vector<PendingEvent>& events, bool always_weighted) {
  std::map<std::string, std::set<std::string>> sets;              // queues
  std::map<std::string, int> revisions;                           // by etag, but for its end
  std::map<std::string, std::pair<std::string, double>> weights;  // version, weight
  std::set<std::string> ids;
  std::int64_t last = 0;
  for (const PendingEvent& event : events) {
    if (!ids.insert(event.id).second) return "event id twice";
    if (event.key_seq <= last) return "events out of order";
    last = event.key_seq;
    const auto [data, topic] = read_event(event);
    if (topic == "sentinel_weight") {
      const std::pair told(text_of(data, "sentinel_version"), data["weight"].get<double>());
      auto& known = weights[text_of(data, "sentinel_id") + "/" + text_of(data, "world_id")];
      if (known == told && always_weighted) return "a weight was told twice";
      known = told;
      continue;
    }
    const std::string key = query_text(data);
    const std::string etag = text_of(data, "etag");
    const std::size_t end = etag.rfind(':');
    const int revision = ++revisions[data["tags"].dump() + etag.substr(0, end)];
    if (etag.substr(end + 1) != std::to_string(revision)) return "revision of " + etag;
    std::set<std::string>& queues = sets[key];
    const std::set<std::string> now = queues_of(data);
    if (!std::ranges::includes(now, queues)) return "an answer shrank: " + etag;
    queues = now;
  }
  return {};
}

AskedQueries::AskedQueries(const GraphIndex& index) {
  for (const QuerySet& query : asked_queries(index)) answers_[query] = answer_to(query, index);
}

Violation AskedQueries::check(const GraphIndex& now, const std::vector<PendingEvent>& told) const {
  std::map<std::string, std::set<std::string>> events;
  for (const PendingEvent& event : told) {
    const auto [data, topic] = read_event(event);
    if (topic == "queue" && !events.emplace(query_text(data), queues_of(data)).second) {
      return "one change told a query twice";
    }
  }
  for (const auto& [query, before] : answers_) {
    const std::set<std::string> answer = answer_to(query, now);
    const std::string key = query_text(query);
    const auto event = events.find(key);
    if (answer == before) continue;
    if (event == events.end()) return "no event for the query " + key;
    if (event->second != answer) return "not the whole answer of " + key;
  }
  return {};
}

}  // namespace weir::sim
