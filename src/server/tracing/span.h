// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "server/tracing/trace_context.h"

namespace weir::server {

class SpanQueue;

/// What part a span's work has in a call between two programs; OTLP's numbers.
enum class SpanKind : std::uint8_t { Internal = 1, Server = 2, Client = 3 };

struct SpanAttribute {
  std::string_view name;  // of the program's constants
  std::variant<std::string, std::int64_t, bool> value;
};

/// A span as it is told: a piece of work, when it was done and for which part of a trace.
struct SpanRecord {
  TraceContext context;
  std::string name;
  SpanKind kind = SpanKind::Internal;
  Instant start{};
  Instant end{};
  std::vector<SpanAttribute> attributes = {};
  std::string failure = {};  // reason word of what it failed with; empty: it did not
};

/// What spans are made with. Any thread; what it is given outlives it, and it all of its spans.
class Tracer {
 public:
  Tracer(const Clock& clock, Random& random, SpanQueue& queue)
      : clock_(clock), random_(random), queue_(queue) {}

  const Clock& clock() const { return clock_; }
  Random& random() { return random_; }
  SpanQueue& queue() { return queue_; }

 private:
  const Clock& clock_;
  Random& random_;
  SpanQueue& queue_;
};

/// A piece of work that is told of when it ends, at the latest with this object. One that was made
/// without a tracer, or in a trace whose parent is not sampled, tells of nothing and costs a
/// comparison. One thread at a time. Texts must say nothing of a graph's content and no secret.
class Span {
 public:
  Span() = default;
  /// The span of `context` itself, since `start`, by default now.
  Span(Tracer* tracer, const TraceContext& context, std::string_view name, SpanKind kind,
       Instant start = {});
  ~Span() { end(); }
  Span(Span&& other) noexcept = default;
  Span& operator=(Span&& other) noexcept;
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

  /// Whether it will be told of: what is dear to say need not be found out otherwise.
  explicit operator bool() const { return record_ != nullptr; }
  void set(std::string_view name, std::string_view text);
  void set(std::string_view name, std::int64_t number);
  void set_flag(std::string_view name, bool value);
  /// It came to nothing, for that reason word.
  void fail(std::string_view reason);
  /// Now, unless it has ended.
  void end();

 private:
  Tracer* tracer_ = nullptr;
  std::unique_ptr<SpanRecord> record_;
};

/// The call that this thread works for while this lives: its trace is on every line the thread
/// logs, in the SQL it sends, and with a tracer and a sampled parent its steps are told of. Scopes
/// nest.
class ScopedTrace {
 public:
  explicit ScopedTrace(const TraceContext& context, Tracer* tracer = nullptr);
  ~ScopedTrace();
  ScopedTrace(const ScopedTrace&) = delete;
  ScopedTrace& operator=(const ScopedTrace&) = delete;

  /// The trace id of this thread's scope, or empty.
  static std::string_view current();
  /// Where this thread stands; empty outside of all scopes.
  static const TraceContext& context();
  /// What this thread's steps are told by; null: they are not.
  static Tracer* tracer();

 private:
  friend class StepSpan;
  struct Active {
    TraceContext context;
    Tracer* tracer = nullptr;
  };
  static Active& active();

  Active outer_;
};

/// A step of this thread's call: a child of where the thread stands, which then stands in it.
/// Without a tracer in scope it costs a comparison. Lives on one thread, and nests.
class StepSpan {
 public:
  explicit StepSpan(std::string_view name);
  ~StepSpan();
  StepSpan(const StepSpan&) = delete;
  StepSpan& operator=(const StepSpan&) = delete;

  Span& span() { return span_; }

 private:
  Span span_;
  TraceContext outer_;
};

/// A child of where this thread stands, for work that ends elsewhere. Tells of nothing outside of
/// a scope with a tracer.
Span child_span(std::string_view name, SpanKind kind, Instant start = {});

}  // namespace weir::server
