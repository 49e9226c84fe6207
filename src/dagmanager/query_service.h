// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dagmanager.grpc.pb.h>

#include <atomic>
#include <functional>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "dagmanager/diff_service.h"
#include "dagmanager/monitors/size_keeper.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/queues/cleanup_service.h"
#include "dagmanager/rollouts/hit_service.h"
#include "dagmanager/rollouts/redo_service.h"
#include "dagmanager/rollouts/rollout_service.h"
#include "dagmanager/store_health.h"
#include "dagmanager/traffic_service.h"
#include "dagmanager/wire.h"
#include "server/tracing/span.h"
#include "server/worker_pool.h"

/// The services beside Diff (contract section 1.1): TagQuery, AdminService, HealthCheck.
namespace weir::dagmanager {

/// What the services work with; each outlives them.
struct QueryParts {
  GraphStore& store;
  SizeKeeper& sizes;
  server::WorkerPool& pool;       ///< calls that may wait for an engine run there
  server::WorkerPool& admission;  ///< what is a diff, there
  DiffServer& diffs;
  StoreHealth& health;
  TrafficService& traffic;
  HitService& hits;
  RedoService& redo;
  CleanupService& cleanup;
  RolloutService& rollouts;
  const Clock& clock;
  Random& random;
  server::Tracer* tracer = nullptr;  ///< tells of calls; null: nobody does
};

class TagQueryServer final
    : public wire::TagQuery::WithCallbackMethod_GetQueues<wire::TagQuery::Service> {
 public:
  TagQueryServer(QueryParts parts, const std::atomic<bool>& draining)
      : parts_(parts), draining_(draining) {}

  grpc::ServerUnaryReactor* GetQueues(grpc::CallbackServerContext* context,
                                      const wire::TagQueryRequest* request,
                                      wire::TagQueryReply* reply) override;

 private:
  QueryParts parts_;
  const std::atomic<bool>& draining_;
};

class AdminServer final : public wire::AdminService::CallbackService {
 public:
  AdminServer(QueryParts parts, const std::atomic<bool>& draining)
      : parts_(parts), draining_(draining) {}

  grpc::ServerUnaryReactor* GetQueueStats(grpc::CallbackServerContext* context,
                                          const wire::QueueStatsRequest* request,
                                          wire::QueueStats* reply) override;
  grpc::ServerWriteReactor<wire::DescribeNodesReply>* DescribeNodes(
      grpc::CallbackServerContext* context, const wire::DescribeNodesRequest* request) override;

  grpc::ServerUnaryReactor* Cleanup(grpc::CallbackServerContext* context,
                                    const wire::CleanupRequest* request,
                                    wire::CleanupResponse* reply) override;
  grpc::ServerUnaryReactor* RedoDiff(grpc::CallbackServerContext* context,
                                     const wire::RedoDiffRequest* request,
                                     wire::DiffResult* reply) override;
  grpc::ServerUnaryReactor* SetTrafficWeight(grpc::CallbackServerContext* context,
                                             const wire::SetTrafficWeightRequest* request,
                                             wire::TrafficWeight* reply) override;
  grpc::ServerUnaryReactor* ListCrossContextHits(grpc::CallbackServerContext* context,
                                                 const wire::ListCrossContextHitsRequest* request,
                                                 wire::ListCrossContextHitsReply* reply) override;
  grpc::ServerUnaryReactor* AckCrossContextHit(grpc::CallbackServerContext* context,
                                               const wire::AckCrossContextHitRequest* request,
                                               wire::CrossContextHit* reply) override;
  grpc::ServerUnaryReactor* StartRollout(grpc::CallbackServerContext* context,
                                         const wire::StartRolloutRequest* request,
                                         wire::Rollout* reply) override;
  grpc::ServerUnaryReactor* ChangeRollout(grpc::CallbackServerContext* context,
                                          const wire::ChangeRolloutRequest* request,
                                          wire::Rollout* reply) override;
  grpc::ServerUnaryReactor* ListRollouts(grpc::CallbackServerContext* context,
                                         const wire::ListRolloutsRequest* request,
                                         wire::ListRolloutsReply* reply) override;

 private:
  bool within_rate();

  QueryParts parts_;
  const std::atomic<bool>& draining_;
  base::Mutex mutex_;
  Duration window_start_ WEIR_GUARDED_BY(mutex_){};
  int calls_in_window_ WEIR_GUARDED_BY(mutex_) = 0;
};

/// Answers at once, from what is known already.
class HealthServer final : public wire::HealthCheck::CallbackService {
 public:
  HealthServer(StoreHealth& health, const std::atomic<bool>& draining)
      : health_(health), draining_(draining) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const wire::StatusRequest* request,
                                   wire::StatusReply* reply) override;
  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context,
                                 const wire::PingRequest* request, wire::Pong* reply) override;

 private:
  StoreHealth& health_;
  const std::atomic<bool>& draining_;
};

/// The contract's version, as in the first line of dagmanager.proto.
inline constexpr const char* kApiVersion = "1.5";

}  // namespace weir::dagmanager
