// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "dagmanager/ack_registry.h"
#include "dagmanager/dagmanager_metrics.h"
#include "server/tracing/span.h"
#include "server/worker_pool.h"

namespace weir::dagmanager {

/// One Diff call on the wire: waits for its answer, then sends chunk after chunk as the
/// acknowledgement window allows, and ends with the last. Owned by gRPC and by whoever still works
/// for it; any thread.
class DiffStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                         public AckListener,
                         public std::enable_shared_from_this<DiffStream> {
 public:
  /// `span` is the call's.
  DiffStream(grpc::CallbackServerContext& context, AckRegistry& acks, DagmanagerMetrics& metrics,
             const Clock& clock, server::Span span);

  /// Keeps the stream alive until gRPC is done with it; call once, right after it is made.
  void hold() { self_ = shared_from_this(); }

  /// The call's span, for whoever decides it, until send() or fail() is called.
  server::Span& span() { return span_; }

  /// The waiting task: given up with the call.
  void waits_as(server::WorkerPool::Ticket ticket);
  /// True once the caller is gone: work that has not begun need not begin.
  bool is_cancelled() const;

  /// Sends `chunks`, the first of which has number `first_number`; none at all ends the call well.
  void send(const graph::SentinelId& sentinel, std::vector<grpc::ByteBuffer> chunks,
            std::uint32_t first_number);
  void fail(const Error& error);

  void released() override { pump(); }
  void timed_out() override;

 private:
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void pump();
  bool open(const graph::SentinelId& sentinel, std::vector<grpc::ByteBuffer> chunks,
            std::uint32_t first_number);
  /// Ends the call unless it has ended.
  void end(const std::optional<Error>& error);

  grpc::CallbackServerContext& context_;
  const std::string peer_;
  AckRegistry& acks_;
  DagmanagerMetrics& metrics_;
  const Clock& clock_;
  std::shared_ptr<DiffStream> self_;
  server::Span span_;     // ends with the call
  server::Span sending_;  // from send() on
  std::optional<Duration> sending_since_;

  mutable base::Mutex mutex_;
  std::optional<server::WorkerPool::Ticket> ticket_ WEIR_GUARDED_BY(mutex_);
  std::vector<grpc::ByteBuffer> chunks_ WEIR_GUARDED_BY(mutex_);
  std::uint32_t first_number_ WEIR_GUARDED_BY(mutex_) = 1;
  std::size_t next_ WEIR_GUARDED_BY(mutex_) = 0;
  std::optional<StreamId> stream_ WEIR_GUARDED_BY(mutex_);
  bool writing_ WEIR_GUARDED_BY(mutex_) = false;
  bool finished_ WEIR_GUARDED_BY(mutex_) = false;
  bool cancelled_ WEIR_GUARDED_BY(mutex_) = false;
  std::optional<Error> pending_ WEIR_GUARDED_BY(mutex_);  // told when the write under way is done
};

}  // namespace weir::dagmanager
