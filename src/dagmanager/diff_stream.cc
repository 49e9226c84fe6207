// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/diff_stream.h"

#include <utility>

#include "base/crash_point.h"
#include "server/grpc_status.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

Error caller_gone() { return {Code::Cancelled, "cancelled", "the caller is gone"}; }

}  // namespace

DiffStream::DiffStream(grpc::CallbackServerContext& context, AckRegistry& acks,
                       DagmanagerMetrics& metrics, const Clock& clock, server::Span span)
    : context_(context),
      peer_(context.peer()),
      acks_(acks),
      metrics_(metrics),
      clock_(clock),
      span_(std::move(span)) {}

void DiffStream::waits_as(server::WorkerPool::Ticket ticket) {
  const base::MutexLock lock(mutex_);
  ticket_ = std::move(ticket);
}

bool DiffStream::is_cancelled() const {
  const base::MutexLock lock(mutex_);
  return cancelled_;
}

void DiffStream::send(const graph::SentinelId& sentinel, std::vector<grpc::ByteBuffer> chunks,
                      std::uint32_t first_number) {
  sending_since_ = clock_.monotonic();
  sending_ = server::child_span("diff.stream", server::SpanKind::Internal);
  sending_.set("weir.chunks", static_cast<std::int64_t>(chunks.size()));
  if (chunks.empty()) {
    end(std::nullopt);
    return;
  }
  if (!open(sentinel, std::move(chunks), first_number)) {
    end(caller_gone());
    return;
  }
  pump();
}

bool DiffStream::open(const graph::SentinelId& sentinel, std::vector<grpc::ByteBuffer> chunks,
                      std::uint32_t first_number) {
  const base::MutexLock lock(mutex_);
  if (cancelled_ || finished_) return false;
  chunks_ = std::move(chunks);
  first_number_ = first_number;
  stream_ = acks_.open(sentinel, peer_, weak_from_this());
  return true;
}

void DiffStream::fail(const Error& error) { end(error); }

void DiffStream::timed_out() {
  metrics_.ack_timed_out();
  server::log().warning("a client stopped acknowledging; its stream is cut, the diff stands",
                        {{"peer", peer_}});
  end(Error(
      Code::DeadlineExceeded, "ack_timeout",
      "no acknowledgement came while the window of 10 chunks was full; the diff is committed, "
      "ask again or resume"));
}

/// Sends the next chunk if nothing is under way and the window has a place. The last chunk ends the
/// call with it: its acknowledgement is not waited for.
void DiffStream::pump() {
  const base::MutexLock lock(mutex_);
  if (writing_ || finished_ || !stream_ || next_ == chunks_.size()) return;
  const bool last = next_ + 1 == chunks_.size();
  const auto number = first_number_ + static_cast<std::uint32_t>(next_);
  if (!acks_.try_send(*stream_, number, last)) return;
  WEIR_CRASH_POINT("stream.chunk");
  writing_ = true;
  const grpc::ByteBuffer* chunk = &chunks_[next_++];
  if (last) {
    finished_ = true;
    StartWriteAndFinish(chunk, grpc::WriteOptions(), grpc::Status::OK);
  } else {
    StartWrite(chunk);
  }
}

void DiffStream::OnWriteDone(bool ok) {
  const auto keep = shared_from_this();
  std::optional<Error> pending;
  {
    const base::MutexLock lock(mutex_);
    writing_ = false;
    pending.swap(pending_);
  }
  if (pending) {
    end(pending);
  } else if (ok) {
    pump();
  } else {
    end(caller_gone());
  }
}

void DiffStream::OnCancel() {
  std::optional<server::WorkerPool::Ticket> ticket;
  std::optional<StreamId> stream;
  {
    const base::MutexLock lock(mutex_);
    cancelled_ = true;
    ticket.swap(ticket_);
    stream = stream_;
  }
  if (stream) acks_.cancelled(*stream);
  const bool never_began = ticket && ticket->abandon();
  // Work that runs ends by itself and then ends the call; all else is ended here.
  if (never_began || stream) end(caller_gone());
}

void DiffStream::OnDone() {
  std::optional<StreamId> stream;
  {
    const base::MutexLock lock(mutex_);
    finished_ = true;
    if (cancelled_) stream = stream_;
  }
  if (stream) acks_.cancelled(*stream);
  if (sending_since_) metrics_.stream_took(clock_.monotonic() - *sending_since_);
  sending_.end();
  span_.end();
  const std::shared_ptr<DiffStream> last_reference = std::move(self_);
}

/// A write that is still under way is waited for (and cut, if an error is to be told): gRPC takes
/// the status only after it.
void DiffStream::end(const std::optional<Error>& error) {
  bool cut = false;
  {
    const base::MutexLock lock(mutex_);
    if (finished_ || pending_) return;
    if (error) span_.fail(error->reason());
    if (writing_) {
      pending_ = error;
      cut = error.has_value();
    } else {
      finished_ = true;
    }
  }
  if (cut) {
    context_.TryCancel();
    return;
  }
  Finish(error ? server::finish_with(context_, *error) : grpc::Status::OK);
}

}  // namespace weir::dagmanager
