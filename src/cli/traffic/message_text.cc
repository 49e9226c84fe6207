// SPDX-License-Identifier: Apache-2.0
#include "cli/traffic/message_text.h"

#include <map>

#include "base/json_line.h"

namespace weir::cli {
namespace {

std::map<std::string, std::string> sorted_map(const wire::DiffResult& result) {
  return {result.queue_map().begin(), result.queue_map().end()};
}

}  // namespace

std::string result_json(const wire::DiffResult& result) {
  std::string map = "{";
  for (const auto& [key, topic] : sorted_map(result)) {
    if (map.size() > 1) map += ',';
    base::append_json_text(map, key);
    map += ':';
    base::append_json_text(map, topic);
  }
  std::string out;
  JsonLine line(out);
  line.raw("queue_map", map + "}");
  line.text("sentinel_id", result.sentinel_id());
  line.text("version", result.version());
  line.end();
  return out + "\n";
}

std::string rollout_json(const wire::Rollout& rollout) {
  std::string out;
  JsonLine line(out);
  line.text("rollout_id", rollout.rollout_id());
  line.text("state", rollout.state());
  line.text("world_id", rollout.world_id());
  line.text("sentinel_id", rollout.sentinel_id());
  line.text("version", rollout.version());
  line.text("baseline_sentinel_id", rollout.baseline_sentinel_id());
  line.text("baseline_version", rollout.baseline_version());
  line.key("steps");
  base::append_json_list(out, rollout.steps(), [&](const wire::RolloutStep& step) {
    JsonLine(out).number("weight", step.weight()).number("hold_seconds", step.hold_seconds()).end();
  });
  line.number("step", rollout.step());
  line.number("held_seconds", rollout.held_seconds());
  line.text("verdict", rollout.verdict());
  line.text("reason", rollout.reason());
  line.text("started_by", rollout.started_by());
  line.text("started_at", rollout.started_at());
  line.text("ended_at", rollout.ended_at());
  line.end();
  return out + "\n";
}

std::string rollout_line(const wire::Rollout& rollout) {
  std::string line = rollout.rollout_id() + " " + rollout.state() + ": " + rollout.sentinel_id() +
                     " " + rollout.version();
  if (!rollout.world_id().empty()) line += " in world " + rollout.world_id();
  if (!rollout.baseline_sentinel_id().empty()) {
    line += " after ";
    if (rollout.baseline_sentinel_id() != rollout.sentinel_id()) {
      line += rollout.baseline_sentinel_id() + " ";
    }
    line += rollout.baseline_version();
  }
  const auto at = static_cast<int>(rollout.step());
  if (rollout.ended_at().empty() && at < rollout.steps_size()) {
    const wire::RolloutStep& step = rollout.steps(at);
    std::string weight;
    JsonLine(weight).number("w", step.weight());
    line += "\n  step " + std::to_string(at + 1) + " of " + std::to_string(rollout.steps_size()) +
            ": weight " + weight.substr(weight.find(':') + 1) + ", held " +
            std::to_string(rollout.held_seconds()) + " of " + std::to_string(step.hold_seconds()) +
            " s";
  }
  if (!rollout.verdict().empty()) line += "\n  last verdict: " + rollout.verdict();
  if (!rollout.reason().empty()) line += "\n  " + rollout.reason();
  return line + "\n";
}

std::string result_text(const wire::DiffResult& result) {
  std::string text = "version " + result.version() + " of sentinel " + result.sentinel_id() + "\n";
  for (const auto& [key, topic] : sorted_map(result)) {
    text.append("  ").append(topic).append("  ").append(key).append("\n");
  }
  return text;
}

std::string hit_json(const wire::CrossContextHit& hit) {
  std::string out;
  JsonLine line(out);
  line.text("hit_id", hit.hit_id());
  line.text("state", hit.state());
  line.text("node_id", hit.node_id());
  line.text("wanted_context", hit.wanted_context());
  line.text("existing_context", hit.existing_context());
  line.number("seen", hit.seen());
  line.text("first_seen", hit.first_seen());
  line.text("last_seen", hit.last_seen());
  line.text("acked_by", hit.acked_by());
  line.text("note", hit.note());
  line.end();
  return out + "\n";
}

std::string hit_line(const wire::CrossContextHit& hit) {
  std::string line = hit.hit_id() + " " + hit.state() + ", seen " + std::to_string(hit.seen()) +
                     " times, last at " + hit.last_seen() + "\n  node " + hit.node_id() +
                     "\n  wanted in " + hit.wanted_context() + "\n  exists in " +
                     hit.existing_context() + "\n";
  if (!hit.acked_by().empty()) line += "  cleared by " + hit.acked_by() + ": " + hit.note() + "\n";
  return line;
}

}  // namespace weir::cli
