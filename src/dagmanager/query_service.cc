// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/query_service.h"

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <utility>
#include <vector>

#include "dagmanager/limits.h"
#include "dagmanager/tag_query.h"
#include "server/grpc_status.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

/// A call's span; `method` is "Service/Method".
server::Span span_of(const QueryParts& parts, const server::TraceContext& trace,
                     std::string_view method) {
  server::Span span(parts.tracer, trace, method, server::SpanKind::Server);
  span.set("rpc.system", "grpc");
  return span;
}

/// A call's place in line, and who is told how it went.
struct Place {
  server::WorkerPool* pool = nullptr;  // null: that of the queries
  std::size_t bytes = 0;
  std::function<void(const Result<void>&)> ended = {};
};

/// Runs `work` on a pool and ends the unary call with what it returns.
grpc::ServerUnaryReactor* run_on(const QueryParts& parts, std::string_view method,
                                 grpc::CallbackServerContext& context,
                                 const std::atomic<bool>& draining,
                                 std::function<Result<void>()> work, const Place& place = {}) {
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  const auto finish = [reactor, &context, ended = place.ended](const Result<void>& result) {
    if (ended) ended(result);
    reactor->Finish(result.ok() ? grpc::Status::OK : server::finish_with(context, result.error()));
  };
  if (draining) {
    reactor->Finish(server::finish_with(
        context, base::unavailable("draining", "this instance is shutting down; ask another")));
    return reactor;
  }
  const server::TraceContext trace = server::trace_of(context, parts.random);
  server::WorkerPool& pool = place.pool != nullptr ? *place.pool : parts.pool;
  const auto submitted =
      pool.submit(place.bytes, [finish, work = std::move(work), trace, tracer = parts.tracer,
                                span = span_of(parts, trace, method)]() mutable {
        const server::ScopedTrace scope(trace, tracer);
        const Result<void> result = work();
        if (!result.ok()) span.fail(result.error().reason());
        span.end();
        finish(result);
      });
  if (!submitted.ok()) finish(submitted.error());
  return reactor;
}

/// The ids to describe, with the names they had in the deploy asked for.
struct Described {
  std::vector<NodeView> nodes;
  absl::flat_hash_map<RowId, std::string> names;
};

/// One DescribeNodes call: replies of at most 500 records and 1 MiB, one after another. Owns itself
/// until gRPC is done.
class DescribeStream final : public grpc::ServerWriteReactor<wire::DescribeNodesReply> {
 public:
  explicit DescribeStream(grpc::CallbackServerContext& context) : context_(context) {}

  void send(std::vector<wire::DescribeNodesReply> replies) {
    replies_ = std::move(replies);
    next();
  }
  void fail(const Error& error) { Finish(server::finish_with(context_, error)); }

 private:
  void OnWriteDone(bool ok) override {
    if (ok) {
      next();
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }
  void OnDone() override { delete this; }

  void next() {
    if (at_ + 1 < replies_.size()) {
      StartWrite(&replies_[at_++]);
    } else if (at_ < replies_.size()) {
      StartWriteAndFinish(&replies_[at_++], grpc::WriteOptions(), grpc::Status::OK);
    } else {
      Finish(grpc::Status::OK);
    }
  }

  grpc::CallbackServerContext& context_;
  std::vector<wire::DescribeNodesReply> replies_;
  std::size_t at_ = 0;
};

std::vector<wire::DescribeNodesReply> make_replies(const Described& described,
                                                   const GraphIndex& index) {
  std::vector<wire::DescribeNodesReply> replies;
  std::size_t bytes = 0;
  for (const NodeView& view : described.nodes) {
    const NodeRecord node = view.record();
    const auto named = described.names.find(node.row);
    wire::NodeRecord record =
        make_node_record(node, index, named == described.names.end() ? node.name : named->second);
    const std::size_t size = record.ByteSizeLong() + 8;
    const bool full = !replies.empty() && (static_cast<std::size_t>(replies.back().nodes_size()) ==
                                               kDescribeRecordsMax ||
                                           bytes + size > kDescribeBytesMax);
    if (replies.empty() || full) {
      replies.emplace_back();
      bytes = 0;
    }
    bytes += size;
    *replies.back().add_nodes() = std::move(record);
  }
  return replies;
}

Result<std::vector<wire::DescribeNodesReply>> describe(GraphStore& store,
                                                       const wire::DescribeNodesRequest& request) {
  if (static_cast<std::size_t>(request.node_ids_size()) > kDescribeIdsMax) {
    return base::invalid_argument("too_many_nodes", "at most " + std::to_string(kDescribeIdsMax) +
                                                        " node_ids in one request");
  }
  std::optional<DeployRecord> deploy;
  if (request.node_ids_size() == 0) {
    if (request.strategy_id().empty()) {
      return base::invalid_argument("missing_field", "give node_ids or a strategy_id");
    }
    std::optional<graph::WorldId> world;
    if (!request.world_id().empty()) world = graph::WorldId(request.world_id());
    WEIR_TRY(deploy, store.newest_deploy(graph::StrategyId(request.strategy_id()), world));
  }
  WEIR_TRY(const GraphView view, store.read(nullptr));
  Described described;
  for (const std::string& id : request.node_ids()) {
    const NodeView node = view.index().node(graph::NodeId(id));
    if (node) described.nodes.push_back(node);
  }
  if (deploy) {
    for (const DeployNode& node : deploy->nodes) {
      const NodeView stored = view.index().node(node.node);
      if (!stored) continue;
      described.nodes.push_back(stored);
      described.names.emplace(node.node, node.name);
    }
  }
  return make_replies(described, view.index());
}

}  // namespace

grpc::ServerUnaryReactor* TagQueryServer::GetQueues(grpc::CallbackServerContext* context,
                                                    const wire::TagQueryRequest* request,
                                                    wire::TagQueryReply* reply) {
  return run_on(
      parts_, "TagQuery/GetQueues", *context, draining_, [this, request, reply]() -> Result<void> {
        WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
        WEIR_TRY(
            const auto found,
            find_queues(view.index(), {.tags = {request->tags().begin(), request->tags().end()},
                                       .interval = request->interval(),
                                       .match_mode = request->match_mode(),
                                       .world_id = request->world_id(),
                                       .execution_domain = request->execution_domain()}));
        for (const QueueDescriptor& queue : found) {
          wire::QueueDescriptor& out = *reply->add_queues();
          out.set_queue(queue.topic.text());
          out.set_global(queue.global);
        }
        return {};
      });
}

grpc::ServerUnaryReactor* AdminServer::GetQueueStats(grpc::CallbackServerContext* context,
                                                     const wire::QueueStatsRequest* request,
                                                     wire::QueueStats* reply) {
  if (!within_rate()) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(
        server::finish_with(*context, Error(Code::ResourceExhausted, "rate_limited",
                                            "at most " + std::to_string(kQueueStatsPerSecond) +
                                                " GetQueueStats calls a second; wait a second")));
    return reactor;
  }
  return run_on(parts_, "AdminService/GetQueueStats", *context, draining_,
                [this, request, reply]() -> Result<void> {
                  WEIR_TRY(const StatsFilter filter, parse_stats_filter(request->filter()));
                  std::vector<graph::TopicName> topics;
                  {
                    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
                    topics = filter_queues(view.index(), filter);
                  }
                  WEIR_TRY(const auto sizes, parts_.sizes.sizes(topics));
                  for (std::size_t i = 0; i < topics.size(); ++i) {
                    if (sizes[i]) (*reply->mutable_sizes())[topics[i].text()] = *sizes[i];
                  }
                  return {};
                });
}

grpc::ServerWriteReactor<wire::DescribeNodesReply>* AdminServer::DescribeNodes(
    grpc::CallbackServerContext* context, const wire::DescribeNodesRequest* request) {
  auto* stream = new DescribeStream(*context);
  if (draining_) {
    stream->fail(base::unavailable("draining", "this instance is shutting down; ask another"));
    return stream;
  }
  const server::TraceContext trace = server::trace_of(*context, parts_.random);
  const auto submitted = parts_.pool.submit(
      0, [this, stream, asked = *request, trace,
          span = span_of(parts_, trace, "AdminService/DescribeNodes")]() mutable {
        const server::ScopedTrace scope(trace, parts_.tracer);
        auto replies = describe(parts_.store, asked);
        if (!replies.ok()) span.fail(replies.error().reason());
        span.end();
        if (replies.ok()) {
          stream->send(*std::move(replies));
        } else {
          stream->fail(replies.error());
        }
      });
  if (!submitted.ok()) stream->fail(submitted.error());
  return stream;
}

/// A second's worth of calls, counted from the first of them.
bool AdminServer::within_rate() {
  const base::MutexLock lock(mutex_);
  const Duration now = parts_.clock.monotonic();
  if (now - window_start_ >= std::chrono::seconds(1)) {
    window_start_ = now;
    calls_in_window_ = 0;
  }
  return ++calls_in_window_ <= kQueueStatsPerSecond;
}

grpc::ServerUnaryReactor* AdminServer::Cleanup(grpc::CallbackServerContext* context,
                                               const wire::CleanupRequest* request,
                                               wire::CleanupResponse*) {
  return run_on(parts_, "AdminService/Cleanup", *context, draining_,
                [this, request, actor = context->peer()]() -> Result<void> {
                  if (request->strategy_id().empty()) {
                    return base::invalid_argument("missing_field",
                                                  "strategy_id: whose deploys are to be ended?");
                  }
                  WEIR_CHECK(parts_.cleanup.cleanup(request->strategy_id(), actor));
                  return {};
                });
}
grpc::ServerUnaryReactor* AdminServer::RedoDiff(grpc::CallbackServerContext* context,
                                                const wire::RedoDiffRequest* request,
                                                wire::DiffResult* reply) {
  Place place;
  if (!request->dag_json().empty()) {  // a hotfix: a diff like others
    place = {.pool = &parts_.admission,
             .bytes = request->ByteSizeLong(),
             .ended = [this, received = parts_.clock.monotonic()](const Result<void>& result) {
               parts_.diffs.count_hotfix(result, received);
             }};
  }
  return run_on(
      parts_, "AdminService/RedoDiff", *context, draining_,
      [this, request, reply, actor = context->peer()]() -> Result<void> {
        WEIR_TRY(*reply, parts_.redo.redo(*request, actor));
        return {};
      },
      place);
}
grpc::ServerUnaryReactor* AdminServer::SetTrafficWeight(
    grpc::CallbackServerContext* context, const wire::SetTrafficWeightRequest* request,
    wire::TrafficWeight* reply) {
  return run_on(parts_, "AdminService/SetTrafficWeight", *context, draining_,
                [this, request, reply, actor = context->peer()]() -> Result<void> {
                  WEIR_TRY(*reply, parts_.traffic.set_weight(weight_request(*request), actor));
                  return {};
                });
}
grpc::ServerUnaryReactor* AdminServer::ListCrossContextHits(
    grpc::CallbackServerContext* context, const wire::ListCrossContextHitsRequest* request,
    wire::ListCrossContextHitsReply* reply) {
  return run_on(parts_, "AdminService/ListCrossContextHits", *context, draining_,
                [this, request, reply]() -> Result<void> {
                  WEIR_TRY(*reply, parts_.hits.list(request->state()));
                  return {};
                });
}
grpc::ServerUnaryReactor* AdminServer::AckCrossContextHit(
    grpc::CallbackServerContext* context, const wire::AckCrossContextHitRequest* request,
    wire::CrossContextHit* reply) {
  return run_on(parts_, "AdminService/AckCrossContextHit", *context, draining_,
                [this, request, reply, actor = context->peer()]() -> Result<void> {
                  WEIR_TRY(*reply, parts_.hits.acknowledge(*request, actor));
                  return {};
                });
}
grpc::ServerUnaryReactor* AdminServer::StartRollout(grpc::CallbackServerContext* context,
                                                    const wire::StartRolloutRequest* request,
                                                    wire::Rollout* reply) {
  return run_on(parts_, "AdminService/StartRollout", *context, draining_,
                [this, request, reply, actor = context->peer()]() -> Result<void> {
                  WEIR_TRY(*reply, parts_.rollouts.start(*request, actor));
                  return {};
                });
}
grpc::ServerUnaryReactor* AdminServer::ChangeRollout(grpc::CallbackServerContext* context,
                                                     const wire::ChangeRolloutRequest* request,
                                                     wire::Rollout* reply) {
  return run_on(parts_, "AdminService/ChangeRollout", *context, draining_,
                [this, request, reply, actor = context->peer()]() -> Result<void> {
                  WEIR_TRY(*reply, parts_.rollouts.change(*request, actor));
                  return {};
                });
}
grpc::ServerUnaryReactor* AdminServer::ListRollouts(grpc::CallbackServerContext* context,
                                                    const wire::ListRolloutsRequest* request,
                                                    wire::ListRolloutsReply* reply) {
  return run_on(parts_, "AdminService/ListRollouts", *context, draining_,
                [this, request, reply]() -> Result<void> {
                  WEIR_TRY(*reply, parts_.rollouts.list(*request));
                  return {};
                });
}

grpc::ServerUnaryReactor* HealthServer::Status(grpc::CallbackServerContext* context,
                                               const wire::StatusRequest*,
                                               wire::StatusReply* reply) {
  reply->set_neo4j(health_.healthy() ? "ok" : "error");
  reply->set_state(draining_ ? "draining" : "running");
  reply->set_api_version(kApiVersion);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* HealthServer::Ping(grpc::CallbackServerContext* context,
                                             const wire::PingRequest*, wire::Pong*) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace weir::dagmanager
