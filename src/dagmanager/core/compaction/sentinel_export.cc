// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/compaction/sentinel_export.h"

#include <map>
#include <utility>

#include "base/json_line.h"
#include "base/rfc3339.h"
#include "base/text.h"

namespace weir::dagmanager {
namespace {

constexpr std::string_view kFormat = "weir sentinel archive 1";
constexpr std::string_view kNoWorld = "=none";  // no encoded name has a '='

void add_moment(JsonLine& line, std::string_view name, const std::optional<Instant>& at) {
  at ? line.text(name, base::rfc3339_micros(*at)) : line.null(name);
}

void add_number(JsonLine& line, std::string_view name, const std::optional<double>& value) {
  value ? line.number(name, *value) : line.null(name);
}

std::string context_text(const graph::ComputeContext& context) {
  std::string out;
  JsonLine line(out);
  line.text("world_id", context.world_id).text("execution_domain", context.execution_domain);
  line.text("as_of", context.as_of).text("partition", context.partition);
  line.text("dataset_fingerprint", context.dataset_fingerprint);
  line.flag("safe_mode", context.safe_mode);
  line.text("downgrade", graph::downgrade_text(context.downgrade));
  line.end();
  return out;
}

std::string query_text(const graph::TagQuerySpec& query) {
  std::string out;
  JsonLine line(out);
  line.texts("tags", query.tags).flag("match_all", query.match_all);
  query.has_interval ? line.number("interval", query.interval) : line.null("interval");
  line.end();
  return out;
}

std::string artifact_text(const graph::Artifact& artifact) {
  std::string out;
  JsonLine line(out);
  line.text("path", artifact.path).text("checksum", artifact.checksum);
  line.number("size", artifact.size).text("framework", artifact.framework);
  line.text("dtype", artifact.dtype);
  line.end();
  return out;
}

/// A list with each of its records on a line.
template <class Records>
void add_lines(std::string& out, std::string_view name, const Records& records) {
  out.append(",\n\"").append(name).append("\":[");
  bool first = true;
  for (const std::string& record : records) {
    out += first ? "\n" : ",\n";
    first = false;
    out += record;
  }
  out += ']';
}

}  // namespace

std::string exported_sentinel(const SentinelRecord& sentinel) {
  std::string out;
  JsonLine line(out);
  line.text("sentinel_id", sentinel.id.view()).text("world_id", sentinel.world.view());
  line.text("version", sentinel.version.view()).text("commit_hash", sentinel.commit_hash);
  line.text("release_tag", sentinel.release_tag);
  add_number(line, "traffic_weight", sentinel.traffic_weight);
  add_number(line, "live_weight", sentinel.live_weight);
  line.number("peak_weight", sentinel.peak_weight);
  add_moment(line, "retired_at", sentinel.retired_at);
  line.text("deploy_key", sentinel.deploy_key);
  add_moment(line, "created_at", sentinel.created_at);
  line.end();
  return out;
}

std::string exported_deploy(const DeployRecord& deploy, const GraphIndex& index) {
  std::string out;
  JsonLine line(out);
  line.text("deploy_key", deploy.key.text()).text("strategy_id", deploy.key.strategy.view());
  line.raw("context", context_text(deploy.key.context));
  line.text("version", deploy.key.version.view()).text("node_set", deploy.key.node_set);
  line.flag("sentinel_due", deploy.sentinel_due);
  line.text("request_hash", base::to_hex(deploy.request_hash));
  line.text("answer_hash", base::to_hex(deploy.answer_hash));
  add_moment(line, "first_seen", deploy.first_seen);
  add_moment(line, "last_seen", deploy.last_seen);
  add_moment(line, "ended_at", deploy.ended_at);
  add_moment(line, "taken_back_at", deploy.taken_back_at);
  line.text("baseline", deploy.baseline);
  line.texts("buckets", deploy.buckets).key("nodes");
  base::append_json_list(out, deploy.nodes, [&](const DeployNode& node) {
    JsonLine entry(out);
    const NodeView stored = index.node(node.node);
    stored ? entry.text("node_id", stored.id().view()) : entry.null("node_id");
    entry.text("name", node.name).flag("introduced", node.introduced).end();
  });
  line.end();
  return out;
}

std::string exported_node(const NodeRecord& node) {
  std::string out;
  JsonLine line(out);
  line.text("node_id", node.id.view()).text("node_type", node.parts.node_type);
  line.number("interval", node.parts.interval).number("period", node.parts.period);
  line.text("params_canon", node.parts.params_canon);
  line.texts("dependencies", node.parts.dependencies);
  line.text("schema_compat_id", node.parts.schema_compat_id);
  line.text("code_hash", node.parts.code_hash).text("schema_hash", node.schema_hash);
  line.text("fingerprint", base::to_hex(node.fingerprint));
  line.text("name", node.name).text("owner", node.owner).texts("tags", node.tags);
  node.query ? line.raw("query", query_text(*node.query)) : line.null("query");
  line.flag("global", node.global).key("artifacts");
  base::append_json_list(out, node.artifacts,
                         [&](const graph::Artifact& artifact) { out += artifact_text(artifact); });
  add_moment(line, "created_at", node.created_at);
  line.end();
  return out;
}

std::string export_head(const SentinelRecord& sentinel) {
  std::string out;
  JsonLine line(out);
  line.text("format", kFormat);
  add_moment(line, "created_at", sentinel.created_at);
  return out;
}

std::string export_text(const SentinelExport& sentinel, const GraphIndex& index) {
  std::string out = export_head(sentinel.sentinel);
  out += ",\n\"sentinel\":" + exported_sentinel(sentinel.sentinel);
  std::vector<std::string> deploys;
  std::map<std::string, std::string> nodes;
  for (const DeployRecord& deploy : sentinel.deploys) {
    deploys.push_back(exported_deploy(deploy, index));
    for (const DeployNode& node : deploy.nodes) {
      const NodeView stored = index.node(node.node);
      if (stored) nodes.try_emplace(stored.id().text(), exported_node(stored.record()));
    }
  }
  add_lines(out, "deploys", deploys);
  std::vector<std::string> lines;
  lines.reserve(nodes.size());
  for (auto& [id, text] : nodes) lines.push_back(std::move(text));
  add_lines(out, "nodes", lines);
  return out + "}\n";
}

std::string export_name(const SentinelRecord& sentinel) {
  const auto part = [](std::string_view text) {
    std::string encoded = base::percent_encode(text);
    if (encoded.starts_with('.')) encoded.replace(0, 1, "%2E");
    return encoded;
  };
  const std::string world =
      sentinel.world.empty() ? std::string(kNoWorld) : part(sentinel.world.view());
  return "sentinels/" + world + '/' + part(sentinel.id.view()) + '/' +
         part(sentinel.version.view());
}

std::string later_export_name(const SentinelRecord& sentinel) {
  return export_name(sentinel) + '.' +
         std::to_string(sentinel.created_at.time_since_epoch().count());
}

SentinelKey key_of(const SentinelRecord& sentinel) {
  return {sentinel.world, sentinel.id, sentinel.version};
}

TopicLogRow archived_row(const SentinelRemoval& removal) {
  const SentinelRecord& sentinel = removal.exported.sentinel;
  TopicLogRow row;
  row.action = "sentinel_archived";
  row.actor = removal.actor;
  row.cause = removal.cause;
  row.result = sentinel.id.text() + "@" + sentinel.version.text() + " of world \"" +
               sentinel.world.text() + "\": " + removal.object + ", " + removal.checksum;
  row.at = removal.at;
  return row;
}

}  // namespace weir::dagmanager
