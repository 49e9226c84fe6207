// SPDX-License-Identifier: Apache-2.0
#include "cli/traffic/message_text.h"

#include "base/json_line.h"

namespace weir::cli {

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
