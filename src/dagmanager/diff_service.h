// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dagmanager.grpc.pb.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "dagmanager/ack_registry.h"
#include "dagmanager/answer_cache.h"
#include "dagmanager/dag_cache.h"
#include "dagmanager/dagmanager_metrics.h"
#include "dagmanager/diff_executor.h"
#include "dagmanager/diff_stream.h"
#include "dagmanager/limits.h"
#include "dagmanager/rollouts/redo_service.h"
#include "dagmanager/store_health.h"
#include "dagmanager/wire.h"
#include "server/tracing/span.h"
#include "server/worker_pool.h"

namespace weir::dagmanager {

/// The hash of a request, made when it is first asked for: it takes as long as reading it.
class RequestHash {
 public:
  /// `request` outlives this.
  explicit RequestHash(const wire::DiffRequest& request) : request_(request) {}
  const base::Digest& get() {
    if (!digest_) digest_ = hash_request(request_);
    return *digest_;
  }

 private:
  const wire::DiffRequest& request_;
  std::optional<base::Digest> digest_;
};

/// DiffService on the wire (contract sections 1.1, 3.2, 3.8): admits a request, reads its document,
/// lets the executor carry it out, streams the answer. Network threads only put requests in line
/// and hand ACKs on.
class DiffServer final
    : public wire::DiffService::WithRawCallbackMethod_Diff<
          wire::DiffService::WithCallbackMethod_AckChunk<wire::DiffService::Service>> {
 public:
  /// What the service works with; each outlives it.
  struct Parts {
    DiffExecutor& executor;
    server::WorkerPool& admission;
    AckRegistry& acks;
    DagmanagerMetrics& metrics;
    StoreHealth& health;
    const Clock& clock;
    Random& random;
    server::Tracer* tracer = nullptr;  ///< tells of diffs; null: nobody does
  };
  explicit DiffServer(Parts parts);

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Diff(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* AckChunk(grpc::CallbackServerContext* context,
                                     const wire::ChunkAck* request,
                                     wire::ChunkAck* response) override;

  /// A diff that RedoDiff has decided on, on the caller's thread, answered whole. Faults of
  /// DiffExecutor::run.
  Result<wire::DiffResult> run_hotfix(const HotfixDiff& hotfix);

  /// A hotfix has ended, or was not admitted: it counts as a diff.
  void count_hotfix(const Result<void>& result, Duration received);

  /// From now on new diffs are told `draining`.
  void drain() { draining_ = true; }

 private:
  void work(DiffStream& stream, const grpc::ByteBuffer& bytes, const std::string& peer,
            Duration received);
  /// Answers from the cache if that answer still holds; true if the call is dealt with.
  bool answer_again(DiffStream& stream, const std::string& key, Duration received);
  /// Decides, answers, and says how many queues were made.
  std::size_t answer_anew(DiffStream& stream, const grpc::ByteBuffer& bytes, const std::string& key,
                          const std::string& peer, Duration received);
  Result<DiffOutcome> decide(const wire::DiffRequest& request, RequestHash& hash,
                             const std::string& peer);
  Result<void> check_resume(const wire::DiffRequest& request, const DiffOutcome& outcome) const;
  void note(const DiffSummary& summary, Duration received);
  void keep_answer(const std::string& key, const DiffOutcome& outcome, RequestHash& hash,
                   std::vector<grpc::ByteBuffer> chunks);
  void note_failure(const wire::DiffRequest& request, RequestHash& hash, const Error& error,
                    server::Span& span);

  void give_back_after(std::size_t created);

  Parts parts_;
  DagCache documents_;
  AnswerCache answers_;
  std::atomic<bool> draining_ = false;
  base::Mutex freed_mutex_;
  std::size_t freed_nodes_ WEIR_GUARDED_BY(freed_mutex_) = 0;
  Duration given_back_ WEIR_GUARDED_BY(freed_mutex_) = -kGiveBackEvery;
};

}  // namespace weir::dagmanager
