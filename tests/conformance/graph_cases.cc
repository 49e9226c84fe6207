// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/graph_cases.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/blake3.h"
#include "base/rfc3339.h"
#include "base/text.h"

namespace weir::test {

namespace dm = weir::dagmanager;

namespace {

constexpr std::size_t kAllEvents = 100'000;

std::string time_text(Instant at) { return base::rfc3339_micros(at); }

std::string shape_text(const graph::TopicShape& shape) {
  return std::to_string(shape.partitions) + "/" + std::to_string(shape.replication) + "/" +
         std::to_string(shape.retention_ms) + "/" + shape.cleanup;
}

std::string context_text(const graph::ComputeContext& context) {
  return context.world_id + "," + context.execution_domain + "," + context.as_of + "," +
         context.partition + "," + context.dataset_fingerprint + "," +
         (context.safe_mode ? "safe" : "free") + "," +
         std::string(graph::downgrade_text(context.downgrade));
}

std::string node_text(const dm::NodeRecord& node) {
  std::ostringstream text;
  text << "node " << node.id.text() << " type=" << node.parts.node_type << " "
       << node.parts.interval << "s " << node.parts.period << " params=" << node.parts.params_canon
       << " in=" << base::join(node.parts.dependencies, ";")
       << " compat=" << node.parts.schema_compat_id << " code=" << node.parts.code_hash
       << " print=" << base::to_hex(node.fingerprint) << " schema=" << node.schema_hash
       << " name=" << node.name << " owner=" << node.owner << " tags=" << base::join(node.tags, ";")
       << " global=" << node.global << " at=" << time_text(node.created_at);
  if (node.query) {
    text << " asks=" << base::join(node.query->tags, ";") << "/" << node.query->match_all << "/"
         << node.query->has_interval << "/" << node.query->interval;
  }
  for (const graph::Artifact& artifact : node.artifacts) {
    text << " uses=" << artifact.path << "|" << artifact.checksum << "|" << artifact.size << "|"
         << artifact.framework << "|" << artifact.dtype;
  }
  return text.str();
}

std::string queue_text(const dm::QueueRecord& queue, const dm::GraphIndex& index) {
  const dm::NodeView node = index.node(queue.node);
  std::ostringstream text;
  text << "queue " << queue.topic.text() << " " << graph::topic_type_name(queue.type) << " "
       << shape_text(queue.shape) << " "
       << (queue.state == dm::QueueState::Active ? "active" : "intent")
       << " node=" << (node ? node.id().text() : "-") << " binding=" << queue.binding_key.text()
       << " key=" << queue.compute_key.text() << " in=" << context_text(queue.binding->context)
       << "|" << queue.binding->name_space.text() << "|" << queue.binding->strategy.text()
       << " schema=" << queue.schema_hash << " pending=" << queue.pending_schema_hash
       << " since=" << (queue.buffering_since ? time_text(*queue.buffering_since) : "-")
       << " at=" << time_text(queue.created_at) << " ttl=" << queue.ttl_ms
       << " lag=" << queue.lag_alert_seconds << (queue.recompute_due ? " recompute" : "")
       << (queue.completed ? " completed" : "");
  return text.str();
}

}  // namespace

Instant at(int seconds) {
  return Instant(std::chrono::seconds(1'760'000'000 + seconds) +
                 std::chrono::microseconds(123'457));
}

dm::NodeRecord make_node(const std::string& name) {
  dm::NodeRecord node;
  node.id = graph::NodeId("id-" + name);
  node.parts = {.node_type = "Indicator",
                .interval = 60,
                .period = 14,
                .params_canon = R"({"name":")" + name + "\"}",
                .dependencies = {"id-in-of-" + name, "with,comma", "with \"quotes\" and \\"},
                .schema_compat_id = "compat-" + name,
                .code_hash = "code-" + name};
  node.fingerprint = base::blake3("fingerprint of " + name);
  node.schema_hash = "schema-" + name;
  node.name = "the " + name;
  node.owner = "owner of " + name;
  node.tags = {"btc", "tag {of} " + name, ""};
  node.created_at = at(1);
  return node;
}

dm::NodeRecord make_query_node(const std::string& name, const std::string& tag) {
  dm::NodeRecord node = make_node(name);
  node.parts.node_type = "TagQueryNode";
  node.tags = {"query"};
  node.query =
      graph::TagQuerySpec{.tags = {tag}, .match_all = false, .has_interval = true, .interval = 60};
  return node;
}

std::shared_ptr<const dm::BindingContext> make_binding(const std::string& strategy,
                                                       const std::string& world) {
  graph::ComputeContext context;
  context.world_id = world;
  context.execution_domain = "live";
  context.as_of = "2025-01-01";
  context.partition = "p-" + world;
  context.dataset_fingerprint = "data";
  return std::make_shared<const dm::BindingContext>(context, graph::Namespace(world + ".live"),
                                                    graph::StrategyId(strategy));
}

dm::TopicIntent make_intent(const dm::NodeRecord& node, const dm::BindingContext& binding,
                            const std::string& topic) {
  const std::string& world = binding.context.world_id;
  return {.topic = graph::TopicName(topic.empty() ? world + "." + node.id.text() : topic),
          .type = graph::TopicType::Raw,
          .shape = {.partitions = 3,
                    .replication = 2,
                    .retention_ms = 86'400'000,
                    .cleanup = "compact"},
          .node = node.id,
          .binding_key = graph::BindingKey(node.id.text() + "@" + world + "|own"),
          .compute_key = graph::ComputeKey(node.id.text() + "@" + world),
          .gives_up = {}};
}

dm::DeployRecord make_deploy(const dm::BindingContext& binding, const std::string& version,
                             std::vector<dm::DeployNode> nodes, Instant seen) {
  dm::DeployRecord deploy;
  deploy.key = {.strategy = binding.strategy,
                .context = binding.context,
                .version = graph::VersionLabel(version),
                .node_set = "set of " + std::to_string(nodes.size())};
  deploy.nodes = std::move(nodes);
  deploy.sentinel_due = true;
  deploy.request_hash = base::blake3("request " + version);
  deploy.answer_hash = base::blake3("answer " + version);
  deploy.first_seen = seen;
  deploy.last_seen = seen;
  return deploy;
}

dm::SentinelRecord make_sentinel(const dm::DeployRecord& deploy, std::optional<double> weight) {
  return {.id = graph::SentinelId(deploy.key.strategy.text() + "-sentinel"),
          .world = graph::WorldId(deploy.key.context.world_id),
          .version = deploy.key.version,
          .commit_hash = "commit-" + deploy.key.version.text(),
          .release_tag = "release-" + deploy.key.version.text(),
          .traffic_weight = weight,
          .deploy_key = deploy.key.text(),
          .created_at = deploy.first_seen};
}

Diff::Diff(dm::GraphStore& store, std::shared_ptr<const dm::BindingContext> binding,
           std::vector<dm::NodeRecord> nodes, Instant when)
    : store_(store), nodes_(std::move(nodes)) {
  change_.diff_id = batch_.diff_id = "diff of " + binding->strategy.text();
  change_.binding = batch_.binding = std::move(binding);
  change_.at = batch_.at = when;
}

Diff& Diff::view() {
  const auto view = store_.read(nullptr);
  EXPECT_TRUE(succeeded(view));
  if (!view.ok()) return *this;
  change_.base = view->epoch();
  known_.clear();
  wanting_.clear();
  change_.dag_nodes.clear();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const dm::NodeView node = view->index().node(nodes_[i].id);
    known_.push_back(node ? node.row() : 0);
    change_.dag_nodes.push_back(nodes_[i].id.text());
    const auto key = make_intent(nodes_[i], *batch_.binding).binding_key;
    const dm::QueueView queue = view->index().queue_by_binding(key);
    if (!queue || !queue.is_active()) wanting_.push_back(i);
  }
  return *this;
}

Diff& Diff::reserve() {
  batch_.intents.clear();
  for (const std::size_t i : wanting_)
    batch_.intents.push_back(make_intent(nodes_[i], *batch_.binding));
  batch_.new_nodes = static_cast<std::size_t>(std::ranges::count(known_, 0));
  batch_.nodes.clear();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (known_[i] == 0) batch_.nodes.push_back(nodes_[i]);
  }
  auto reserved = store_.reserve(batch_);
  EXPECT_TRUE(succeeded(reserved));
  if (!reserved.ok()) return *this;
  reservation_ = *std::move(reserved);
  change_.ahead = reservation_.ahead;
  EXPECT_EQ(reservation_.node_rows.size(), batch_.new_nodes);
  std::size_t drawn = 0;
  change_.nodes.clear();
  change_.queues.clear();
  for (std::size_t i = 0; i < nodes_.size() && drawn < reservation_.node_rows.size(); ++i) {
    if (known_[i] != 0) continue;
    nodes_[i].row = reservation_.node_rows[drawn++];
    change_.nodes.push_back(nodes_[i]);
  }
  for (std::size_t intent = 0; intent < wanting_.size(); ++intent) {
    const std::size_t i = wanting_[intent];
    if (known_[i] != 0) nodes_[i].row = known_[i];
    if (reservation_.outcomes[intent].queue != 0) add_promotion(nodes_[i], intent);
  }
  return *this;
}

void Diff::add_promotion(const dm::NodeRecord& node, std::size_t intent) {
  change_.queues.push_back(
      {.queue = reservation_.outcomes[intent].queue,
       .node = node.row,
       .shape = {.partitions = 4, .replication = 1, .retention_ms = 3'600'000, .cleanup = "delete"},
       .schema_hash = node.schema_hash,
       .ttl_ms = 7'200'000,
       .lag_alert_seconds = 300});
}

Diff& Diff::write_ahead() {
  store_.write_ahead(change_);
  return *this;
}

Result<dm::Committed> Diff::commit() { return store_.commit(change_); }

void write_side_by_side(dm::GraphStore& one, dm::GraphStore& other, int writers, int diffs) {
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      dm::GraphStore& store = writer % 2 == 0 ? one : other;
      const auto binding = make_binding("s" + std::to_string(writer), "w1");
      for (int i = 0; i < diffs; ++i) {
        const std::string own = std::to_string(writer) + "." + std::to_string(i);
        while (true) {
          Diff diff(store, binding, {make_node("shared" + std::to_string(i)), make_node(own)});
          const auto committed = diff.run();
          if (committed.ok()) break;
          ASSERT_EQ(committed.error().reason(), "graph_moved");
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::string describe(const dm::GraphIndex& index, Shown shown) {
  std::vector<std::string> lines;
  index.for_each_node([&](const dm::NodeView& node) { lines.push_back(node_text(node.record())); });
  index.for_each_queue([&](const dm::QueueView& queue) {
    if (!queue.is_active() && shown == Shown::NoIntents) return;
    lines.push_back(queue_text(queue.record(), index));
  });
  std::ranges::sort(lines);
  return base::join(lines, "\n");
}

std::string describe(dm::GraphStore& store, Shown shown) {
  const auto view = store.read(nullptr);
  EXPECT_TRUE(succeeded(view));
  if (!view.ok()) return "unreadable";
  return "epoch " + std::to_string(view->epoch()) + "\n" + describe(view->index(), shown);
}

std::string describe(const dm::DeployRecord& deploy, const dm::GraphIndex& index) {
  std::ostringstream text;
  text << "deploy " << deploy.key.strategy.text() << " " << context_text(deploy.key.context) << " "
       << deploy.key.version.text() << " " << deploy.key.node_set << " due=" << deploy.sentinel_due
       << " request=" << base::to_hex(deploy.request_hash)
       << " answer=" << base::to_hex(deploy.answer_hash)
       << " first=" << time_text(deploy.first_seen) << " last=" << time_text(deploy.last_seen)
       << " ended=" << (deploy.ended_at ? time_text(*deploy.ended_at) : "-");
  for (const dm::DeployNode& node : deploy.nodes) {
    const dm::NodeView stored = index.node(node.node);
    text << " " << (stored ? stored.id().text() : "?") << "/" << node.name << "/"
         << node.introduced;
  }
  return text.str();
}

std::string describe(const dm::SentinelRecord& sentinel) {
  std::ostringstream text;
  text << "sentinel " << sentinel.id.text() << " " << sentinel.world.text() << " "
       << sentinel.version.text() << " " << sentinel.commit_hash << " " << sentinel.release_tag
       << " ";
  if (sentinel.traffic_weight) text << *sentinel.traffic_weight;
  text << " " << sentinel.deploy_key << " " << time_text(sentinel.created_at);
  return text.str();
}

std::vector<std::string> describe(dm::ControlBus& bus) {
  const auto pending = bus.pending(kAllEvents);
  EXPECT_TRUE(succeeded(pending));
  std::vector<std::string> events;
  if (!pending.ok()) return events;
  for (const dm::PendingEvent& event : *pending) {
    auto envelope = nlohmann::json::parse(event.event.envelope);
    EXPECT_EQ(envelope["id"], event.id);
    envelope.erase("id");
    events.push_back(event.event.topic + " " + event.event.key + " " + time_text(event.created_at) +
                     " " + envelope.dump());
  }
  return events;
}

}  // namespace weir::test
