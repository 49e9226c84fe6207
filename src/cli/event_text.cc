// SPDX-License-Identifier: Apache-2.0
#include "cli/event_text.h"

#include <nlohmann/json.hpp>

namespace weir::cli {
namespace {

using nlohmann::json;

std::string member(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string joined(const json& texts) {
  std::string out;
  for (const json& text : texts) {
    if (!out.empty()) out += ',';
    out += text.is_string() ? text.get<std::string>() : text.dump();
  }
  return out;
}

std::string queues_text(const json& data) {
  const std::size_t queues = data.contains("queues") ? data["queues"].size() : 0;
  std::string out = (data.contains("tags") ? joined(data["tags"]) : "") + " every " +
                    member(data, "interval") + "s (" + member(data, "match_mode") +
                    "): " + std::to_string(queues) + (queues == 1 ? " queue" : " queues");
  return out;
}

std::string weight_text(const json& data) {
  return member(data, "sentinel_id") + " " + member(data, "sentinel_version") + ": " +
         member(data, "weight");
}

std::string lifecycle_text(const json& data) {
  return member(data, "queue") + ": " + member(data, "action") + ", " + member(data, "reason");
}

}  // namespace

std::string event_text(const FeedEvent& event, const Paint& paint) {
  const std::string number = event.number ? std::to_string(*event.number) : "-";
  const json envelope = json::parse(event.data, nullptr, /*allow_exceptions=*/false);
  if (!envelope.is_object() || !envelope.contains("data") || !envelope["data"].is_object()) {
    return number + "  " + event.type + "  " + event.data + "\n";
  }
  const json& data = envelope["data"];
  std::string what = data.dump();
  if (event.type == "queue_updated") what = queues_text(data);
  if (event.type == "sentinel_weight_updated") what = weight_text(data);
  if (event.type == "queue_lifecycle") what = lifecycle_text(data);
  std::string world = member(data, "world_id");
  if (!world.empty()) world = paint.faint("  in " + world);
  return number + "  " + paint.faint(member(envelope, "time")) + "  " + paint.strong(event.type) +
         "  " + what + world + "\n";
}

}  // namespace weir::cli
