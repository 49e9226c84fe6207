// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dagmanager/core/diff_planner.h"
#include "graph/dag.h"
#include "graph/node_identity.h"

/// Strategy graphs for tests, written down node by node and read by the reader that production
/// uses.
namespace weir::dagmanager {

/// A node as a test states it. Its id is computed from its content unless `id` says otherwise.
struct TestNode {
  std::string name = {};
  std::string type = "Indicator";
  std::vector<std::string> tags = {"btc"};
  std::int64_t interval = 60;
  std::int64_t period = 5;
  std::vector<std::string> inputs = {};  ///< names of earlier nodes
  std::string code = "code";
  std::string schema = "schema-1";
  std::string compat = "compat";
  std::string id = {};
  std::string more = {};  ///< further members, JSON text
};

inline std::string json_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) {
    if (list.size() > 1) list += ',';
    list += '"' + text + '"';
  }
  return list + "]";
}

/// JSON text of a document of these nodes; `root` are further members of its root.
inline std::string test_document(const std::vector<TestNode>& nodes, std::string_view root = "") {
  std::map<std::string, std::string> ids;
  std::string text = R"({"nodes":[)";
  for (const TestNode& node : nodes) {
    graph::IdentityParts parts{.node_type = node.type,
                               .interval = node.interval,
                               .period = node.period,
                               .params_canon = R"({"name":")" + node.name + "\"}",
                               .dependencies = {},
                               .schema_compat_id = node.compat,
                               .code_hash = node.code};
    for (const std::string& input : node.inputs) {
      parts.dependencies.push_back(ids.contains(input) ? ids.at(input) : input);
    }
    const std::vector<std::string> inputs = parts.dependencies;
    std::ranges::sort(parts.dependencies);
    ids[node.name] =
        node.id.empty() ? graph::node_id(graph::canonical_bytes(parts)).text() : node.id;
    if (text.back() != '[') text += ',';
    text += R"({"node_id":")" + ids[node.name] + R"(","name":")" + node.name +
            R"(","node_type":")" + node.type + R"(","interval":)" + std::to_string(node.interval) +
            R"(,"period":)" + std::to_string(node.period) + R"(,"params":{"name":")" + node.name +
            R"("},"code_hash":")" + node.code + R"(","config_hash":"config","schema_hash":")" +
            node.schema + R"(","schema_compat_id":")" + node.compat + R"(","tags":)" +
            json_list(node.tags) + R"(,"inputs":)" + json_list(inputs);
    if (!node.more.empty()) text += ',' + node.more;
    text += '}';
  }
  text += ']';
  if (!root.empty()) text.append(",").append(root);
  return text + '}';
}

inline std::shared_ptr<const graph::Dag> read_test_dag(std::string_view document) {
  auto dag = graph::read_dag(document);
  EXPECT_TRUE(dag.ok()) << document << "\n" << dag.error().describe();
  return std::make_shared<const graph::Dag>(dag.ok() ? *std::move(dag) : graph::Dag());
}

inline std::shared_ptr<const graph::Dag> test_dag(const std::vector<TestNode>& nodes,
                                                  std::string_view root = "") {
  return read_test_dag(test_document(nodes, root));
}

/// Fields of a request by `strategy` in one context.
inline DiffFields test_fields(const std::string& strategy, const std::string& world,
                              const std::string& domain, const std::string& as_of = "",
                              const std::string& partition = "") {
  return {.strategy = graph::StrategyId(strategy),
          .context = {.world_id = world,
                      .execution_domain = domain,
                      .as_of = as_of,
                      .partition = partition,
                      .dataset_fingerprint = ""}};
}

/// A graph in which plans are carried out without a store: what a planner is given next.
class TestGraph {
 public:
  const GraphIndex& index() const { return index_; }

  DiffScope scope(const graph::Dag& dag, const DiffFields& fields,
                  const PlannerPolicy& policy = {}) const {
    auto made = make_scope(dag, fields, policy);
    EXPECT_TRUE(made.ok()) << made.error().describe();
    return made.ok() ? *std::move(made) : DiffScope();
  }

  Result<DiffPlan> plan(const graph::Dag& dag, const DiffFields& fields,
                        const PlannerPolicy& policy = {}, const PlanOptions& options = {}) const {
    WEIR_TRY(const DiffScope where, make_scope(dag, fields, policy));
    return plan_diff(dag, where, index_, policy, options);
  }

  /// The plan of a diff that must succeed.
  DiffPlan planned(const graph::Dag& dag, const DiffFields& fields,
                   const PlannerPolicy& policy = {}, const PlanOptions& options = {}) const {
    auto made = plan(dag, fields, policy, options);
    EXPECT_TRUE(made.ok()) << made.error().describe();
    return made.ok() ? *std::move(made) : DiffPlan();
  }

  /// Plans and stores: nodes, queues and marks, with the names as planned.
  DiffPlan commit(const graph::Dag& dag, const DiffFields& fields, const PlannerPolicy& policy = {},
                  Instant now = Instant()) {
    DiffPlan plan = planned(dag, fields, policy);
    const DiffScope where = scope(dag, fields, policy);
    for (const PlannedNode& node : plan.nodes) {
      if (node.node_row == 0) add_node(node);
      if (node.needs_topic()) put(node, where, QueueState::Active);
      if (node.mark_due) mark(node, now);
    }
    return plan;
  }

  /// Stores the intents of a diff that got no further.
  DiffPlan leave_intents(const graph::Dag& dag, const DiffFields& fields,
                         const PlannerPolicy& policy = {}) {
    DiffPlan plan = planned(dag, fields, policy);
    const DiffScope where = scope(dag, fields, policy);
    for (const PlannedNode& node : plan.nodes) {
      if (node.needs_topic()) put(node, where, QueueState::Intent);
    }
    return plan;
  }

  /// Lets a queue of someone else hold a name.
  void occupy(const graph::TopicName& topic) {
    QueueRecord queue;
    queue.row = ++last_row_;
    queue.topic = topic;
    queue.state = QueueState::Active;
    queue.binding_key = graph::BindingKey("other-" + topic.text());
    queue.compute_key = graph::ComputeKey("other-" + topic.text());
    queue.binding = std::make_shared<const BindingContext>(graph::ComputeContext(),
                                                           graph::Namespace(), graph::StrategyId());
    index_.put_queue(queue);
  }

 private:
  void add_node(const PlannedNode& planned) {
    NodeRecord node;
    node.row = ++last_row_;
    node.id = planned.id;
    node.parts = planned.source->parts;
    node.fingerprint = base::blake3(planned.source->canonical);
    node.schema_hash = planned.source->schema_hash;
    node.name = planned.source->name;
    node.tags = planned.source->tags;
    node.query = planned.source->query;
    index_.add_node(node);
  }

  void put(const PlannedNode& planned, const DiffScope& where, QueueState state) {
    QueueRecord queue;
    const QueueView intent = index_.queue_by_binding(planned.binding_key);
    queue.row = intent ? intent.row() : ++last_row_;
    queue.topic = planned.topic;
    queue.type = planned.type;
    queue.state = state;
    const NodeView node = index_.node(planned.id);
    queue.node = node ? node.row() : 0;
    queue.binding_key = planned.binding_key;
    queue.compute_key = planned.compute_key;
    queue.binding = where.binding;
    queue.schema_hash = planned.source->schema_hash;
    index_.put_queue(queue);
  }

  void mark(const PlannedNode& planned, Instant now) {
    QueueRecord queue = index_.queue(planned.queue_row).record();
    queue.pending_schema_hash = planned.source->schema_hash;
    if (planned.mark_begins) queue.buffering_since = now;
    index_.put_queue(queue);
  }

  GraphIndex index_;
  RowId last_row_ = 0;
};

}  // namespace weir::dagmanager
