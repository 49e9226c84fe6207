// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/span.h"

#include "server/tracing/limits.h"
#include "server/tracing/span_queue.h"

namespace weir::server {
namespace {

/// At most kSpanTextBytesMax bytes, and no half of a letter at the end.
std::string cut(std::string_view text) {
  if (text.size() <= kSpanTextBytesMax) return std::string(text);
  std::size_t end = kSpanTextBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end));
}

}  // namespace

Span::Span(Tracer* tracer, const TraceContext& context, std::string_view name, SpanKind kind,
           Instant start) {
  if (tracer == nullptr || !context.sampled) return;
  tracer_ = tracer;
  record_ = std::make_unique<SpanRecord>(
      SpanRecord{.context = context,
                 .name = cut(name),
                 .kind = kind,
                 .start = start == Instant{} ? tracer->clock().now() : start});
}

Span& Span::operator=(Span&& other) noexcept {
  end();
  tracer_ = other.tracer_;
  record_ = std::move(other.record_);
  return *this;
}

void Span::set(std::string_view name, std::string_view text) {
  if (record_ == nullptr || record_->attributes.size() >= kSpanAttributesMax) return;
  record_->attributes.push_back({name, cut(text)});
}

void Span::set(std::string_view name, std::int64_t number) {
  if (record_ == nullptr || record_->attributes.size() >= kSpanAttributesMax) return;
  record_->attributes.push_back({name, number});
}

void Span::set_flag(std::string_view name, bool value) {
  if (record_ == nullptr || record_->attributes.size() >= kSpanAttributesMax) return;
  record_->attributes.push_back({name, value});
}

void Span::fail(std::string_view reason) {
  if (record_ != nullptr) record_->failure = cut(reason);
}

void Span::end() {
  if (record_ == nullptr) return;
  const std::unique_ptr<SpanRecord> record = std::move(record_);
  record->end = tracer_->clock().now();
  tracer_->queue().put(std::move(*record));
}

ScopedTrace::Active& ScopedTrace::active() {
  thread_local Active active;
  return active;
}

ScopedTrace::ScopedTrace(const TraceContext& context, Tracer* tracer)
    : outer_(std::exchange(active(), Active{context, context.sampled ? tracer : nullptr})) {}
ScopedTrace::~ScopedTrace() { active() = outer_; }

std::string_view ScopedTrace::current() { return active().context.trace_id.view(); }
const TraceContext& ScopedTrace::context() { return active().context; }
Tracer* ScopedTrace::tracer() { return active().tracer; }

StepSpan::StepSpan(std::string_view name) {
  ScopedTrace::Active& active = ScopedTrace::active();
  if (active.tracer == nullptr) return;
  outer_ = active.context;
  active.context = child_of(outer_, active.tracer->random());
  span_ = Span(active.tracer, active.context, name, SpanKind::Internal);
}

StepSpan::~StepSpan() {
  if (!outer_.empty()) ScopedTrace::active().context = outer_;
}

Span child_span(std::string_view name, SpanKind kind, Instant start) {
  Tracer* const tracer = ScopedTrace::tracer();
  if (tracer == nullptr) return {};
  return {tracer, child_of(ScopedTrace::context(), tracer->random()), name, kind, start};
}

}  // namespace weir::server
