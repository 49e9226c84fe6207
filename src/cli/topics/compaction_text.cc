// SPDX-License-Identifier: Apache-2.0
#include "cli/topics/compaction_text.h"

#include "base/json_line.h"

namespace weir::cli {
namespace {

std::string name_of(const dagmanager::SentinelKey& key) {
  std::string name = key.id.text() + "@" + key.version.text();
  if (!key.world.empty()) name += " in world " + key.world.text();
  return name;
}

}  // namespace

std::string planned_json(const dagmanager::CompactionReport& report) {
  std::string out;
  for (const dagmanager::CompactedSentinel& sentinel : report.archived) {
    JsonLine(out)
        .text("sentinel_id", sentinel.key.id.view())
        .text("world_id", sentinel.key.world.view())
        .text("version", sentinel.key.version.view())
        .text("object", sentinel.object)
        .end();
    out += '\n';
  }
  for (const graph::NodeId& node : report.nodes) {
    JsonLine(out).text("node_id", node.view()).end();
    out += '\n';
  }
  return out;
}

std::string counts_json(const dagmanager::CompactionReport& report, bool dry) {
  std::string out;
  JsonLine line(out);
  line.number("sentinels", report.archived.size()).number("nodes", report.nodes.size());
  if (!dry) {
    line.number("artifacts", report.artifacts).number("archive_failed", report.failed.size());
    line.number("changed", report.changed.size());
  }
  line.flag("dry_run", dry).end();
  return out + "\n";
}

std::string planned_lines(const dagmanager::CompactionReport& report) {
  std::string out;
  for (const dagmanager::CompactedSentinel& sentinel : report.archived) {
    out += "sentinel  " + name_of(sentinel.key) + "  to " + sentinel.object + "\n";
  }
  for (const graph::NodeId& node : report.nodes) out += "node  " + node.text() + "\n";
  return out;
}

std::string counts_line(const dagmanager::CompactionReport& report, bool dry) {
  const std::string nodes = std::to_string(report.nodes.size());
  const std::string sentinels = std::to_string(report.archived.size());
  if (dry) return sentinels + " sentinels and " + nodes + " nodes would go\n";
  std::string out = sentinels + " sentinels archived, " + nodes + " nodes and " +
                    std::to_string(report.artifacts) + " artifacts removed\n";
  if (!report.changed.empty()) {
    out += std::to_string(report.changed.size()) + " sentinels changed meanwhile and stay\n";
  }
  return out;
}

std::string kept_line(const dagmanager::KeptSentinel& kept) {
  return "archive_failed: sentinel " + name_of(kept.key) + " stays: " + kept.why.describe() + "\n";
}

}  // namespace weir::cli
