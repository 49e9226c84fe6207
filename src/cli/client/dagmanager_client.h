// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/channel.h>
#include <cstdint>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cli/client/diff_collector.h"
#include "cli/client/diff_outcome.h"
#include "dagmanager.grpc.pb.h"

namespace weir::cli {

/// Calls a DAG manager over gRPC, as a well-behaved client does: every chunk is acknowledged by its
/// number before the next is read, and a stream that was cut is resumed. One thread at a time.
///
/// Faults are Errors with the server's code and reason word; the reason is empty where the
/// transport failed.
class DagmanagerClient {
 public:
  /// "localhost:50051"; connects at the first call. `clock` outlives the client.
  DagmanagerClient(const std::string& target, Clock& clock);

  /// Told after each chunk: how many are had, of how many; and before each further try.
  struct Observer {
    std::function<void(std::uint32_t taken, std::uint32_t count)> chunk;
    std::function<void(const Error& why, int attempt)> again;
  };

  /// Diffs. A cut stream or an unavailable server is tried again, at most kDiffAttemptsMax times in
  /// all, except that a server which never answered at all is not waited for.
  Result<DiffOutcome> diff(const DiffQuery& query, const Observer& observer = {});

  /// Topic sizes by filter text (contract section 4, queue-stats).
  Result<std::map<std::string, std::int64_t>> queue_stats(const std::string& filter);

  /// Sets a share of traffic (contract section 3.20). A repeat is harmless.
  Result<wire::TrafficWeight> set_weight(const wire::SetTrafficWeightRequest& request);

  /// A hotfix, a rollback, or the stored answer (section 3.16). A repeat does what is left.
  Result<wire::DiffResult> redo_diff(const wire::RedoDiffRequest& request);

  /// Ends deploys and collects what they leave (section 3.12). A repeat is harmless.
  Result<void> cleanup(const std::string& id);

  /// Cross-context hits, newest first; `state`: `open`, `acked`, or empty for all (section 3.21).
  Result<wire::ListCrossContextHitsReply> list_hits(const std::string& state);
  /// Clears one. A repeat is harmless.
  Result<wire::CrossContextHit> acknowledge_hit(const wire::AckCrossContextHitRequest& request);

  /// Begins a rollout (section 3.22). A repeat is refused and names the one that runs.
  Result<wire::Rollout> start_rollout(const wire::StartRolloutRequest& request);
  /// Steers one.
  Result<wire::Rollout> change_rollout(const wire::ChangeRolloutRequest& request);
  /// The newest 1,000, newest first.
  Result<wire::ListRolloutsReply> list_rollouts(const wire::ListRolloutsRequest& request);

  /// What the store knows of these nodes, any number.
  Result<std::vector<wire::NodeRecord>> describe_nodes(const std::vector<std::string>& ids);
  /// The same of a strategy's newest deploy in a world.
  Result<std::vector<wire::NodeRecord>> describe_deploy(const std::string& strategy,
                                                        const std::string& world);

 private:
  enum class Again : std::uint8_t { No, Resume, Anew };

  /// Waits for the first connection: a server that is just starting, or a try that failed by the
  /// way, gets another one or two. Where none comes about, the call that follows says why.
  void reach();
  template <class Reply, class Request, class Method>
  Result<Reply> ask(const Request& request, Method method, Duration timeout);
  Result<void> read_stream(const wire::DiffRequest& request, DiffCollector& collector,
                           const Observer& observer);
  Result<void> acknowledge(const wire::DiffChunk& chunk);
  Result<void> describe(const wire::DescribeNodesRequest& request,
                        std::vector<wire::NodeRecord>& records);
  Again what_next(const Error& error, const DiffCollector& collector, int attempt) const;

  Clock& clock_;
  std::shared_ptr<grpc::Channel> channel_;
  bool reached_ = false;
  std::unique_ptr<wire::DiffService::Stub> diff_;
  std::unique_ptr<wire::AdminService::Stub> admin_;
};

}  // namespace weir::cli
