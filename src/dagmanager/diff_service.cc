// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/diff_service.h"

#include <utility>

#include "dagmanager/limits.h"
#include "server/grpc_status.h"
#include "server/log.h"
#include "server/process_memory.h"

namespace weir::dagmanager {
namespace {

Error draining() {
  return base::unavailable("draining", "this instance is shutting down; ask another, or again");
}

double milliseconds(Duration span) { return static_cast<double>(span.count()) / 1000.0; }

DiffFields fields_of(const wire::DiffRequest& request) {
  return {.strategy = graph::StrategyId(request.strategy_id()),
          .context = {.world_id = request.world_id(),
                      .execution_domain = request.execution_domain(),
                      .as_of = request.as_of(),
                      .partition = request.partition(),
                      .dataset_fingerprint = request.dataset_fingerprint()}};
}

/// The time until the work began, as a step of the call.
void tell_wait(const Clock& clock, Duration received) {
  if (server::ScopedTrace::tracer() == nullptr) return;
  const Instant then = clock.now() - (clock.monotonic() - received);
  server::child_span("diff.wait", server::SpanKind::Internal, then).end();
}

/// What a diff came to. Names and figures only: nothing of the graph.
void tell(server::Span& span, const DiffSummary& summary, const base::Digest& request,
          const base::Digest& answer) {
  const auto count = [&span](std::string_view name, std::size_t number) {
    span.set(name, static_cast<std::int64_t>(number));
  };
  const graph::ComputeContext& context = summary.deploy.context;
  span.set("weir.strategy_id", summary.deploy.strategy.text());
  span.set("weir.world_id", context.world_id);
  span.set("weir.execution_domain", context.execution_domain);
  span.set("weir.dataset_fingerprint", context.dataset_fingerprint);
  span.set("weir.version", summary.deploy.version.text());
  count("weir.epoch", static_cast<std::size_t>(summary.epoch));
  count("weir.nodes", summary.nodes);
  count("weir.decisions.new", summary.created - summary.bound);
  count("weir.decisions.bind", summary.bound);
  count("weir.decisions.reuse", summary.reused);
  count("weir.decisions.buffer", summary.buffered);
  count("weir.decisions.refused", summary.refused);
  span.set("weir.request_hash", base::to_hex(request));
  span.set("weir.answer_hash", base::to_hex(answer));
}

}  // namespace

DiffServer::DiffServer(Parts parts)
    : parts_(parts), documents_(kDagCacheBytesMax), answers_(kAnswerCacheBytesMax) {}

grpc::ServerWriteReactor<grpc::ByteBuffer>* DiffServer::Diff(grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request) {
  const server::TraceContext trace = server::trace_of(*context, parts_.random);
  auto stream = std::make_shared<DiffStream>(
      *context, parts_.acks, parts_.metrics, parts_.clock,
      server::Span(parts_.tracer, trace, "DiffService/Diff", server::SpanKind::Server));
  stream->hold();
  if (draining_) {
    stream->fail(draining());
    return stream.get();
  }
  const Duration received = parts_.clock.monotonic();
  auto ticket = parts_.admission.submit(
      request->Length(), [this, stream, bytes = *request, peer = context->peer(), received, trace] {
        const server::ScopedTrace scope(trace, parts_.tracer);
        tell_wait(parts_.clock, received);
        work(*stream, bytes, peer, received);
      });
  if (ticket.ok()) {
    stream->waits_as(*std::move(ticket));
  } else {
    parts_.metrics.diff_received();
    parts_.metrics.diff_failed();
    stream->fail(ticket.error());
  }
  return stream.get();
}

grpc::ServerUnaryReactor* DiffServer::AckChunk(grpc::CallbackServerContext* context,
                                               const wire::ChunkAck* request,
                                               wire::ChunkAck* response) {
  const bool known = parts_.acks.acknowledged(graph::SentinelId(request->sentinel_id()),
                                              context->peer(), request->chunk_id());
  if (!known) parts_.metrics.ack_unknown();
  *response = *request;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

/// A diff from its bytes to its stream, on a worker thread.
void DiffServer::work(DiffStream& stream, const grpc::ByteBuffer& bytes, const std::string& peer,
                      Duration received) {
  if (stream.is_cancelled()) {
    stream.fail(Error(Code::Cancelled, "cancelled", "the caller is gone"));
    return;
  }
  const std::string key = AnswerCache::key_of(bytes);
  if (answer_again(stream, key, received)) return;
  const std::size_t created = answer_anew(stream, bytes, key, peer, received);
  parts_.executor.settle();
  documents_.drop_evicted();
  give_back_after(created);
}

/// By now all that it took to decide is freed.
void DiffServer::give_back_after(std::size_t created) {
  if (created < kSmallDiffNodes) return;
  const Duration now = parts_.clock.monotonic();
  {
    const base::MutexLock lock(freed_mutex_);
    freed_nodes_ += created;
    const bool due = created >= kLargeDiffNodes || freed_nodes_ >= kFreedNodesMax ||
                     now - given_back_ >= kGiveBackEvery;
    if (!due) return;
    freed_nodes_ = 0;
    given_back_ = now;
  }
  server::give_back_freed_memory();
}

std::size_t DiffServer::answer_anew(DiffStream& stream, const grpc::ByteBuffer& bytes,
                                    const std::string& key, const std::string& peer,
                                    Duration received) {
  const auto request = parse_diff_request(bytes);
  if (!request.ok()) {
    stream.fail(request.error());
    return 0;
  }
  if (request->plan_only()) {
    parts_.metrics.diff_planned();
  } else {
    parts_.metrics.diff_received();
  }
  RequestHash hash(*request);
  auto outcome = decide(*request, hash, peer);
  if (!outcome.ok()) {
    note_failure(*request, hash, outcome.error(), stream.span());
    stream.fail(outcome.error());
    return 0;
  }
  parts_.health.saw(true);
  if (!request->plan_only()) note(outcome->summary, received);
  if (stream.span()) {
    stream.span().set_flag("weir.plan_only", request->plan_only());
    tell(stream.span(), outcome->summary, hash.get(), outcome->answer.hash);
  }
  if (const auto resume = check_resume(*request, *outcome); !resume.ok()) {
    stream.fail(resume.error());
    return 0;
  }
  const std::uint32_t first = request->resume_after_chunk() + 1;
  std::vector<grpc::ByteBuffer> chunks = make_chunks(outcome->answer, first);
  stream.send(outcome->scope.sentinel, chunks, first);
  if (outcome->summary.settled && first == 1) keep_answer(key, *outcome, hash, std::move(chunks));
  return outcome->summary.created;
}

void DiffServer::keep_answer(const std::string& key, const DiffOutcome& outcome, RequestHash& hash,
                             std::vector<grpc::ByteBuffer> chunks) {
  answers_.keep(key, std::make_shared<const SettledAnswer>(SettledAnswer{
                         .summary = outcome.summary,
                         .sentinel = outcome.scope.sentinel,
                         .findings = outcome.dag->findings,
                         .chunks = std::move(chunks),
                         .answer_hash = outcome.answer.hash,
                         .request_hash = parts_.tracer == nullptr ? base::Digest{} : hash.get()}));
}

bool DiffServer::answer_again(DiffStream& stream, const std::string& key, Duration received) {
  const auto known = answers_.find(key);
  if (!known) return false;
  const auto holds = parts_.executor.holds(known->summary);
  if (!holds.ok() || !*holds) {
    answers_.forget(key);
    return false;
  }
  parts_.health.saw(true);
  parts_.metrics.diff_received();
  parts_.metrics.identity_findings(known->findings);
  note(known->summary, received);
  if (stream.span()) {
    tell(stream.span(), known->summary, known->request_hash, known->answer_hash);
  }
  stream.send(known->sentinel, known->chunks, 1);
  return true;
}

Result<DiffOutcome> DiffServer::decide(const wire::DiffRequest& request, RequestHash& hash,
                                       const std::string& peer) {
  if (request.strategy_id().empty()) {
    return base::invalid_argument("missing_field", "strategy_id is empty; every diff has one");
  }
  std::shared_ptr<const graph::Dag> dag;
  {
    server::StepSpan step("diff.read");
    auto read = documents_.read(request.dag_json());
    if (!read.ok()) step.span().fail(read.error().reason());
    WEIR_TRY(dag, std::move(read));
  }
  parts_.metrics.identity_findings(dag->findings);
  return parts_.executor.run({.dag = dag,
                              .fields = fields_of(request),
                              .plan_only = request.plan_only(),
                              .actor = "grpc:" + peer,
                              .request_hash = [&hash] { return hash.get(); }});
}

Result<wire::DiffResult> DiffServer::run_hotfix(const HotfixDiff& hotfix) {
  wire::DiffRequest request;  // that would have asked for the same
  request.set_strategy_id(hotfix.strategy.text());
  request.set_dag_json(hotfix.dag_json);
  request.set_world_id(hotfix.context.world_id);
  request.set_execution_domain(hotfix.context.execution_domain);
  request.set_as_of(hotfix.context.as_of);
  request.set_partition(hotfix.context.partition);
  request.set_dataset_fingerprint(hotfix.context.dataset_fingerprint);
  parts_.metrics.identity_findings(hotfix.dag->findings);
  RequestHash hash(request);
  server::StepSpan step("diff.hotfix");
  WEIR_TRY(const DiffOutcome outcome,
           parts_.executor.run({.dag = hotfix.dag,
                                .fields = fields_of(request),
                                .handover = hotfix.handover,
                                .actor = hotfix.actor,
                                .request_hash = [&hash] { return hash.get(); }}));
  parts_.health.saw(true);
  if (step.span()) tell(step.span(), outcome.summary, hash.get(), outcome.answer.hash);
  wire::DiffResult result;
  for (const AnswerEntry& entry : outcome.answer.entries) {
    (*result.mutable_queue_map())[entry.key] = entry.topic.text();
  }
  result.set_sentinel_id(outcome.answer.sentinel.text());
  result.set_version(outcome.answer.version.text());
  parts_.executor.settle();
  return result;
}

void DiffServer::count_hotfix(const Result<void>& result, Duration received) {
  parts_.metrics.diff_received();
  if (result.ok()) {
    parts_.metrics.diff_took(milliseconds(parts_.clock.monotonic() - received));
    return;
  }
  parts_.metrics.diff_failed();
  if (result.error().reason() == "graph_unavailable") parts_.health.saw(false);
  server::log().warning("hotfix refused", {{"reason", result.error().reason()},
                                           {"message", result.error().message()}});
}

/// Section 3.8: a resumed stream goes on only in the very answer it was cut from.
Result<void> DiffServer::check_resume(const wire::DiffRequest& request,
                                      const DiffOutcome& outcome) const {
  const bool resumes = request.resume_after_chunk() > 0 || !request.resume_sentinel_id().empty() ||
                       !request.resume_answer().empty();
  if (!resumes) return {};
  if (request.resume_sentinel_id() != outcome.scope.sentinel.text()) {
    return base::invalid_argument(
        "resume_invalid",
        "resume_sentinel_id is not " + outcome.scope.sentinel.text() + ", this request's sentinel");
  }
  if (request.resume_answer() != outcome.answer.answer_id()) {
    return base::failed_precondition(
        "answer_changed", "the answer is another by now; ask again without the resume fields");
  }
  const std::uint32_t chunks = chunk_count(outcome.answer);
  if (request.resume_after_chunk() > chunks) {
    return base::invalid_argument(
        "resume_invalid", "resume_after_chunk is beyond the last chunk, " + std::to_string(chunks));
  }
  return {};
}

void DiffServer::note(const DiffSummary& summary, Duration received) {
  const double took = milliseconds(parts_.clock.monotonic() - received);
  parts_.metrics.diff_took(took);
  const DeployKey& deploy = summary.deploy;
  server::log().info("diff", {{"strategy", deploy.strategy},
                              {"world", deploy.context.world_id},
                              {"domain", deploy.context.execution_domain},
                              {"nodes", summary.nodes},
                              {"created", summary.created},
                              {"reused", summary.reused},
                              {"buffered", summary.buffered},
                              {"epoch", summary.epoch},
                              {"milliseconds", took}});
}

void DiffServer::note_failure(const wire::DiffRequest& request, RequestHash& hash,
                              const Error& error, server::Span& span) {
  if (error.reason() == "graph_unavailable") parts_.health.saw(false);
  if (!request.plan_only()) parts_.metrics.diff_failed();
  const std::string request_hash = base::to_hex(hash.get());
  const std::string answer_hash = base::to_hex(hash_refusal(error));
  server::log().warning("diff refused", {{"strategy", request.strategy_id()},
                                         {"reason", error.reason()},
                                         {"message", error.message()},
                                         {"request_hash", request_hash},
                                         {"answer_hash", answer_hash}});
  if (!span) return;
  span.set("weir.strategy_id", request.strategy_id());
  span.set("weir.world_id", request.world_id());
  span.set("weir.execution_domain", request.execution_domain());
  span.set("weir.dataset_fingerprint", request.dataset_fingerprint());
  span.set_flag("weir.plan_only", request.plan_only());
  span.set("weir.request_hash", request_hash);
  span.set("weir.answer_hash", answer_hash);
}

}  // namespace weir::dagmanager
