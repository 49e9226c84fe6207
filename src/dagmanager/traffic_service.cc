// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/traffic_service.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/json_line.h"
#include "dagmanager/limits.h"
#include "dagmanager/rollouts/wanted_world.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

Error missing(const std::string& what) { return base::invalid_argument("missing_field", what); }

Result<std::string> text_of(const base::JsonValue& body, const char* name) {
  const base::JsonValue value = body.find(name);
  if (value.is_null()) return std::string();
  if (!value.is_text()) return missing(std::string(name) + ": must be a text");
  return std::string(value.text());
}

Result<std::optional<double>> number_of(const base::JsonValue& body, const char* name) {
  const base::JsonValue value = body.find(name);
  if (value.is_null()) return std::optional<double>();
  double number = 0;
  const std::string_view token = value.is_number() ? value.text() : std::string_view();
  const auto [end, fault] = std::from_chars(token.data(), token.data() + token.size(), number);
  if (token.empty() || end != token.data() + token.size()) {
    return missing(std::string(name) + ": must be a number");
  }
  if (fault != std::errc()) number = std::numeric_limits<double>::infinity();  // out of range
  return std::optional(number);
}

}  // namespace

Result<wire::TrafficWeight> TrafficService::set_weight(WeightRequest request, std::string actor) {
  const WeightChange change{std::move(request), std::move(actor), parts_.clock.now()};
  WEIR_TRY(const WeightOutcome outcome, parts_.traffic.set_weight(change));
  const SentinelRecord& sentinel = outcome.sentinel;
  const double weight = sentinel.traffic_weight.value_or(0);
  if (outcome.changed) {
    server::log().info("weight set", {{"sentinel", sentinel.id},
                                      {"version", sentinel.version},
                                      {"world", sentinel.world},
                                      {"from", outcome.previous},
                                      {"to", weight},
                                      {"actor", change.actor}});
  }
  wire::TrafficWeight reply;
  reply.set_sentinel_id(sentinel.id.text());
  reply.set_version(sentinel.version.text());
  reply.set_weight(weight);
  reply.set_world_id(sentinel.world.text());
  reply.set_previous_weight(outcome.previous);
  return reply;
}

WeightRequest weight_request(const wire::SetTrafficWeightRequest& request) {
  WeightRequest wanted{.sentinel = graph::SentinelId(request.sentinel_id()),
                       .version = graph::VersionLabel(request.version()),
                       .world = wanted_world(request),
                       .weight = request.weight()};
  if (request.has_expect_weight()) wanted.expect = request.expect_weight();
  return wanted;
}

Result<WeightRequest> read_weight_request(const std::string& body) {
  const auto document = base::JsonDocument::parse(body, {.bytes_max = kAdminBodyBytesMax});
  if (!document.ok() || !document->root().is_object()) {
    return missing("the body must be a JSON object with sentinel_id and weight");
  }
  const base::JsonValue root = document->root();
  WEIR_TRY(const std::string sentinel, text_of(root, "sentinel_id"));
  WEIR_TRY(const std::string version, text_of(root, "version"));
  WEIR_TRY(const std::string world, text_of(root, "world_id"));
  WantedWorld wanted;
  if (!root.find("world_id").is_null()) wanted = graph::WorldId(world);
  WEIR_TRY(const auto weight, number_of(root, "weight"));
  WEIR_TRY(const auto expect, number_of(root, "expect_weight"));
  if (!weight) return missing("weight: a share of traffic, from 0 to 1");
  return WeightRequest{.sentinel = graph::SentinelId(sentinel),
                       .version = graph::VersionLabel(version),
                       .world = std::move(wanted),
                       .weight = *weight,
                       .expect = expect};
}

std::string weight_json(const wire::TrafficWeight& weight) {
  std::string out;
  JsonLine(out)
      .text("sentinel_id", weight.sentinel_id())
      .text("version", weight.version())
      .number("weight", weight.weight())
      .text("world_id", weight.world_id())
      .number("previous_weight", weight.previous_weight())
      .end();
  return out + '\n';
}

}  // namespace weir::dagmanager
