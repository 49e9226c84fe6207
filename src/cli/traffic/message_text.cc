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
