// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/http_routes.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "base/json.h"
#include "base/json_line.h"
#include "base/rfc3339.h"
#include "dagmanager/limits.h"
#include "dagmanager/query_service.h"
#include "dagmanager/stored_gauges.h"
#include "server/http/problem.h"

namespace weir::dagmanager {
namespace {

constexpr std::size_t kLargestNodesShown = 100;

/// There is one stream, of the whole graph.
constexpr const char* kEventStream = "graph";

using Parts = std::shared_ptr<const HttpParts>;

std::string json_texts(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ',';
    base::append_json_text(out, text);
  }
  return out + "]";
}

std::string json_object(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out = "{";
  for (const auto& [key, json] : members) {
    if (out.size() > 1) out += ',';
    base::append_json_text(out, key);
    out += ':' + json;
  }
  return out + "}\n";
}

std::string json_text(const std::string& text) {
  std::string out;
  base::append_json_text(out, text);
  return out;
}

/// Loop to its holder and when it last ran; null: nobody's, not yet.
std::string json_loops(const std::vector<LoopLease>& loops) {
  std::string out = "{";
  for (const LoopLease& loop : loops) {
    if (out.size() > 1) out += ',';
    base::append_json_text(out, loop.loop);
    out += ":{\"holder\":" + (loop.holder.empty() ? "null" : json_text(loop.holder));
    out += ",\"last_run\":";
    out += loop.last_run ? json_text(base::rfc3339(*loop.last_run)) : "null";
    out += '}';
  }
  return out + '}';
}

/// Engine to the state of its breaker.
std::string json_engines(const std::vector<const server::Breaker*>& breakers) {
  std::string out;
  JsonLine line(out);
  for (const server::Breaker* breaker : breakers) {
    line.text(breaker->engine(), server::breaker_state_text(breaker->state()));
  }
  line.end();
  return out;
}

server::HttpResponse status(const HttpParts& parts) {
  const bool healthy = parts.health.healthy();
  const bool draining = parts.draining;
  return {.body = json_object({{"status", healthy && !draining ? "\"ok\"" : "\"degraded\""},
                               {"neo4j", healthy ? "\"ok\"" : "\"error\""},
                               {"dagmanager", draining ? "\"draining\"" : "\"running\""},
                               {"api_version", json_text(kApiVersion)},
                               {"instance", json_text(parts.instance)},
                               {"engines", json_engines(parts.breakers)},
                               {"loops", json_loops(parts.loops.seen())},
                               {"warnings", json_texts(parts.warnings)}})};
}

Result<server::HttpResponse> ready(const HttpParts& parts) {
  if (parts.draining) return base::unavailable("not_serving", "this instance is draining");
  if (!parts.health.healthy()) {
    return base::unavailable("not_serving", "the graph store does not answer");
  }
  return server::HttpResponse{.body = json_object({{"status", "\"ready\""}})};
}

/// Of the graph as it is known here.
void refresh_graph_gauges(const HttpParts& parts) {
  server::Metrics& metrics = parts.metrics.registry();
  const auto view = parts.store.read(nullptr);
  if (!view.ok()) return;
  const GraphIndex& index = view->index();
  parts.metrics.graph_counted(index.node_count(), index.queue_count());
  metrics.gauge({"graph_epoch", "Counter raised by every change of the graph."})
      .Set(static_cast<double>(view->epoch()));
  std::vector<server::GaugeSample> resident = {
      {{{"node_id", "all"}, {"scope", "total"}}, static_cast<double>(index.resident_bytes())}};
  for (const auto& [node, bytes] : index.largest_nodes(kLargestNodesShown)) {
    resident.push_back(
        {{{"node_id", node.id().text()}, {"scope", "node"}}, static_cast<double>(bytes)});
  }
  metrics.replace_gauges({"nodecache_resident_bytes", "Bytes of the table of known nodes."},
                         resident);
}

/// Breakers, and what their states mean in the words of other systems' metrics.
void refresh_breaker_gauges(const HttpParts& parts) {
  server::Metrics& metrics = parts.metrics.registry();
  for (const server::Breaker* breaker : parts.breakers) {
    const std::string& engine = breaker->engine();
    const bool away = breaker->state() != server::BreakerState::Closed;
    metrics.gauge({"breaker_state", "0 closed, 1 probing, 2 open."}, {{"engine", engine}})
        .Set(static_cast<double>(breaker->state()));
    const auto opened = static_cast<double>(breaker->times_opened());
    auto& count =
        metrics.counter({"breaker_open_total", "Times a breaker opened."}, {{"engine", engine}});
    count.Increment(std::max(0.0, opened - count.Value()));
    if (engine == "graph") {
      metrics.gauge({"graph_leader_unreachable", "1 while the graph store does not answer."})
          .Set(away ? 1 : 0);
    } else if (engine == "broker") {
      metrics.gauge({"broker_controller_unreachable", "1 while the topic engine does not answer."})
          .Set(away ? 1 : 0);
      metrics.gauge({"kafka_breaker_open_total", "Times the topic engine's breaker opened."})
          .Set(opened);
    }
  }
}

void refresh_process_gauges(const HttpParts& parts) {
  server::Metrics& metrics = parts.metrics.registry();
  const server::WorkerPool::Counts counts = parts.admission.counts();
  metrics.gauge({"diffs_running", "Diffs being decided."}).Set(static_cast<double>(counts.running));
  metrics.gauge({"diffs_waiting", "Diffs waiting for their turn."})
      .Set(static_cast<double>(counts.waiting));
  metrics.gauge({"event_subscribers", "Readers of control events."})
      .Set(static_cast<double>(parts.events.readers()));
}

/// Gauges that are read off the store rather than fed by diffs.
void refresh_stored_gauges(const HttpParts& parts) {
  server::Metrics& metrics = parts.metrics.registry();
  if (const auto open = parts.hits.open_count(); open.ok()) {
    metrics.gauge({"cross_context_hits_open", "Cross-context hits that nobody has cleared."})
        .Set(static_cast<double>(*open));
  }
  if (const auto rollouts = parts.rollouts.unfinished(); rollouts.ok()) {
    metrics.gauge({"rollouts_active", "Rollouts that have not ended."})
        .Set(static_cast<double>(rollouts->size()));
  }
  if (const auto weights = parts.weights.version_weights(kVersionsShown + 1); weights.ok()) {
    parts.metrics.version_weights(*weights);
  }
  const auto backlog = parts.bus.backlog();
  if (!backlog.ok()) return;
  const auto age = backlog->pending == 0 ? Duration::zero() : parts.clock.now() - backlog->oldest;
  metrics.gauge({"outbox_pending", "Control events not told yet."})
      .Set(static_cast<double>(backlog->pending));
  metrics.gauge({"outbox_oldest_seconds", "Age of the oldest control event not told yet."})
      .Set(std::chrono::duration<double>(age).count());
}

server::HttpResponse metrics(const HttpParts& parts, StoredGauges& stored) {
  refresh_breaker_gauges(parts);
  refresh_process_gauges(parts);
  stored.refresh(kStoredGaugesWait);
  return {.content_type = server::kMetricsContentType, .body = parts.metrics.registry().text()};
}

Result<server::HttpResponse> set_weight(const HttpParts& parts,
                                        const server::HttpRequest& request) {
  if (parts.draining) {
    return base::unavailable("draining", "this instance is shutting down; ask another");
  }
  WEIR_TRY(WeightRequest wanted, read_weight_request(request.body));
  WEIR_TRY(const wire::TrafficWeight weight,
           parts.traffic.set_weight(std::move(wanted), request.peer));
  return server::HttpResponse{.status = 202, .body = weight_json(weight)};
}

Result<server::HttpResponse> trigger_gc(const HttpParts& parts,
                                        const server::HttpRequest& request) {
  if (parts.draining) {
    return base::unavailable("draining", "this instance is shutting down; ask another");
  }
  const auto id = read_gc_trigger(request.body);
  if (!id) {
    return server::problem_response(
        base::invalid_argument("missing_id",
                               "the body must be a JSON object with id: a sentinel, a strategy, or "
                               "a version label"),
        request.request_id, 422);
  }
  WEIR_TRY(const auto report, parts.cleanup.cleanup(*id, request.peer));
  return server::HttpResponse{.status = 202, .body = gc_trigger_json(report)};
}

}  // namespace

server::Router make_routes(HttpParts given) {
  const auto parts = std::make_shared<const HttpParts>(std::move(given));
  const auto stored = std::make_shared<StoredGauges>(parts->queries, [parts] {
    refresh_graph_gauges(*parts);
    refresh_stored_gauges(*parts);
  });
  server::Router router;
  router.add(
      {"GET", "/status", [parts](const server::HttpRequest&) -> Result<server::HttpResponse> {
         return status(*parts);
       }});
  router.add({"GET", "/healthz", [](const server::HttpRequest&) -> Result<server::HttpResponse> {
                return server::HttpResponse{.body = json_object({{"status", "\"ok\""}})};
              }});
  router.add(
      {"GET", "/readyz", [parts](const server::HttpRequest&) -> Result<server::HttpResponse> {
         return ready(*parts);
       }});
  router.add({"GET", "/metrics",
              [parts, stored](const server::HttpRequest&) -> Result<server::HttpResponse> {
                return metrics(*parts, *stored);
              }});
  router.add({"POST", "/admin/gc-trigger",
              [parts](const server::HttpRequest& request) -> Result<server::HttpResponse> {
                return trigger_gc(*parts, request);
              }});
  router.add({"POST", "/admin/sentinel-weight",
              [parts](const server::HttpRequest& request) -> Result<server::HttpResponse> {
                return set_weight(*parts, request);
              }});
  router.add({"GET", "/v1/events/stream",
              server::DeferredHandler(
                  [parts](const server::HttpRequest& request, server::Responder responder) {
                    auto asked = server::read_event_request(request);
                    if (!asked.ok()) return responder.answer(asked.error());
                    parts->events.subscribe(*std::move(asked), kEventStream, std::move(responder));
                  })});
  return router;
}

}  // namespace weir::dagmanager
