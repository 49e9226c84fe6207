// SPDX-License-Identifier: Apache-2.0
#include "cli/client/dagmanager_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "cli/client/grpc_fault.h"
#include "cli/client/limits.h"

namespace weir::cli {
namespace {

std::shared_ptr<grpc::Channel> make_channel(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectWaitMsMin);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectWaitMsMax);
  arguments.SetMaxReceiveMessageSize(kReplyBytesMax);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

/// gRPC takes its deadlines on a clock of its own.
gpr_timespec deadline_after(Duration span) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_micros(span.count(), GPR_TIMESPAN));
}

wire::DiffRequest request_of(const DiffQuery& query) {
  const graph::RawContext& context = query.fields.context;
  wire::DiffRequest request;
  request.set_strategy_id(query.fields.strategy.text());
  request.set_dag_json(query.dag_json);
  request.set_world_id(context.world_id);
  request.set_execution_domain(context.execution_domain);
  request.set_as_of(context.as_of);
  request.set_partition(context.partition);
  request.set_dataset_fingerprint(context.dataset_fingerprint);
  request.set_plan_only(query.plan_only);
  return request;
}

}  // namespace

DagmanagerClient::DagmanagerClient(const std::string& target, Clock& clock)
    : clock_(clock),
      channel_(make_channel(target)),
      diff_(wire::DiffService::NewStub(channel_)),
      admin_(wire::AdminService::NewStub(channel_)) {}

void DagmanagerClient::reach() {
  if (!std::exchange(reached_, true)) channel_->WaitForConnected(deadline_after(kReachWait));
}

Result<DiffOutcome> DagmanagerClient::diff(const DiffQuery& query, const Observer& observer) {
  reach();
  const wire::DiffRequest whole = request_of(query);
  DiffCollector collector;
  Duration wait = kDiffWaitFirst;
  for (int attempt = 1;; ++attempt) {
    wire::DiffRequest request = whole;
    collector.resume(request);
    const Result<void> read = read_stream(request, collector, observer);
    if (read.ok() && collector.complete()) return std::move(collector).take();
    const Error error =
        read.ok() ? base::unavailable("", "the stream ended before its last chunk") : read.error();
    const Again again = what_next(error, collector, attempt);
    if (again == Again::No) return error;
    if (again == Again::Anew) collector.clear();
    if (observer.again) observer.again(error, attempt + 1);
    clock_.sleep_for(wait);
    wait = std::min(wait * 2, kDiffWaitMax);
  }
}

DagmanagerClient::Again DagmanagerClient::what_next(const Error& error,
                                                    const DiffCollector& collector,
                                                    int attempt) const {
  if (attempt >= kDiffAttemptsMax) return Again::No;
  if (error.reason() == "answer_changed") return Again::Anew;
  if (error.code() != Code::Unavailable) return Again::No;
  // Where no connection came about at all, the address may be wrong: say so at once.
  const bool never_there = attempt == 1 && collector.taken() == 0 && error.reason().empty() &&
                           channel_->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE;
  return never_there ? Again::No : Again::Resume;
}

Result<void> DagmanagerClient::read_stream(const wire::DiffRequest& request,
                                           DiffCollector& collector, const Observer& observer) {
  grpc::ClientContext context;
  context.set_deadline(deadline_after(kDiffTimeout));
  const auto reader = diff_->Diff(&context, request);
  wire::DiffChunk chunk;
  Result<void> taken;
  while (taken.ok() && reader->Read(&chunk)) {
    taken = collector.add(chunk);
    const Result<void> acknowledged = acknowledge(chunk);
    if (taken.ok()) taken = acknowledged;
    if (taken.ok() && observer.chunk) observer.chunk(collector.taken(), collector.count());
    chunk.Clear();
  }
  if (!taken.ok()) context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (!taken.ok()) return taken;
  if (!status.ok()) return error_of(status, context);
  return {};
}

Result<void> DagmanagerClient::acknowledge(const wire::DiffChunk& chunk) {
  grpc::ClientContext context;
  context.set_deadline(deadline_after(kCallTimeout));
  wire::ChunkAck ack;
  ack.set_sentinel_id(chunk.sentinel_id());
  ack.set_chunk_id(chunk.chunk_index());
  wire::ChunkAck echo;
  const grpc::Status status = diff_->AckChunk(&context, ack, &echo);
  if (!status.ok()) return error_of(status, context);
  return {};
}

Result<std::map<std::string, std::int64_t>> DagmanagerClient::queue_stats(
    const std::string& filter) {
  reach();
  grpc::ClientContext context;
  context.set_deadline(deadline_after(kCallTimeout));
  wire::QueueStatsRequest request;
  request.set_filter(filter);
  wire::QueueStats stats;
  const grpc::Status status = admin_->GetQueueStats(&context, request, &stats);
  if (!status.ok()) return error_of(status, context);
  return std::map<std::string, std::int64_t>(stats.sizes().begin(), stats.sizes().end());
}

/// One call of AdminService that is answered with one message.
template <class Reply, class Request, class Method>
Result<Reply> DagmanagerClient::ask(const Request& request, Method method, Duration timeout) {
  reach();
  grpc::ClientContext context;
  context.set_deadline(deadline_after(timeout));
  Reply reply;
  const grpc::Status status = ((*admin_).*method)(&context, request, &reply);
  if (!status.ok()) return error_of(status, context);
  return reply;
}

Result<wire::TrafficWeight> DagmanagerClient::set_weight(
    const wire::SetTrafficWeightRequest& request) {
  return ask<wire::TrafficWeight>(request, &wire::AdminService::Stub::SetTrafficWeight,
                                  kCallTimeout);
}

Result<wire::DiffResult> DagmanagerClient::redo_diff(const wire::RedoDiffRequest& request) {
  return ask<wire::DiffResult>(request, &wire::AdminService::Stub::RedoDiff, kRedoTimeout);
}

Result<void> DagmanagerClient::cleanup(const std::string& id) {
  wire::CleanupRequest request;
  request.set_strategy_id(id);
  WEIR_CHECK(
      ask<wire::CleanupResponse>(request, &wire::AdminService::Stub::Cleanup, kCleanupTimeout));
  return {};
}

Result<wire::ListCrossContextHitsReply> DagmanagerClient::list_hits(const std::string& state) {
  wire::ListCrossContextHitsRequest request;
  request.set_state(state);
  return ask<wire::ListCrossContextHitsReply>(
      request, &wire::AdminService::Stub::ListCrossContextHits, kCallTimeout);
}

Result<wire::CrossContextHit> DagmanagerClient::acknowledge_hit(
    const wire::AckCrossContextHitRequest& request) {
  return ask<wire::CrossContextHit>(request, &wire::AdminService::Stub::AckCrossContextHit,
                                    kCallTimeout);
}

Result<wire::Rollout> DagmanagerClient::start_rollout(const wire::StartRolloutRequest& request) {
  return ask<wire::Rollout>(request, &wire::AdminService::Stub::StartRollout, kCallTimeout);
}

Result<wire::Rollout> DagmanagerClient::change_rollout(const wire::ChangeRolloutRequest& request) {
  return ask<wire::Rollout>(request, &wire::AdminService::Stub::ChangeRollout, kCallTimeout);
}

Result<wire::ListRolloutsReply> DagmanagerClient::list_rollouts(
    const wire::ListRolloutsRequest& request) {
  return ask<wire::ListRolloutsReply>(request, &wire::AdminService::Stub::ListRollouts,
                                      kCallTimeout);
}

Result<std::vector<wire::NodeRecord>> DagmanagerClient::describe_nodes(
    const std::vector<std::string>& ids) {
  std::vector<wire::NodeRecord> records;
  for (std::size_t first = 0; first < ids.size(); first += kDescribeIdsMax) {
    wire::DescribeNodesRequest request;
    const std::size_t last = std::min(ids.size(), first + kDescribeIdsMax);
    for (std::size_t i = first; i < last; ++i) request.add_node_ids(ids[i]);
    WEIR_CHECK(describe(request, records));
  }
  return records;
}

Result<std::vector<wire::NodeRecord>> DagmanagerClient::describe_deploy(const std::string& strategy,
                                                                        const std::string& world) {
  wire::DescribeNodesRequest request;
  request.set_strategy_id(strategy);
  request.set_world_id(world);
  std::vector<wire::NodeRecord> records;
  WEIR_CHECK(describe(request, records));
  return records;
}

Result<void> DagmanagerClient::describe(const wire::DescribeNodesRequest& request,
                                        std::vector<wire::NodeRecord>& records) {
  reach();
  grpc::ClientContext context;
  context.set_deadline(deadline_after(kCallTimeout));
  const auto reader = admin_->DescribeNodes(&context, request);
  wire::DescribeNodesReply reply;
  while (reader->Read(&reply)) {
    for (wire::NodeRecord& record : *reply.mutable_nodes()) records.push_back(std::move(record));
    reply.Clear();
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return error_of(status, context);
  return {};
}

}  // namespace weir::cli
