// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/sql_tracer.h"

#include <array>
#include <string>
#include <utility>

#include "drivers/postgres/connection.h"
#include "server/tracing/limits.h"
#include "server/tracing/span.h"

namespace weir::server {
namespace {

class TracedSpan final : public postgres::TracedExchange {
 public:
  explicit TracedSpan(Span span) : span_(std::move(span)) {}

  void ended(const Error* error) override {
    if (error != nullptr) span_.fail(error->reason());
    span_.end();
  }

 private:
  Span span_;
};

/// By its name, which is a constant of the program; other texts by their first word, for they might
/// hold values.
std::string_view name_of(const postgres::Request& request) {
  if (request.statement != nullptr) return request.statement->name;
  const std::string_view sql = request.sql;
  return sql.substr(0, sql.find_first_of(" \n;("));
}

/// The statements in order, one that is repeated once.
std::string names_of(std::span<const postgres::Request> requests) {
  std::string names;
  std::string_view last;
  for (const postgres::Request& request : requests) {
    const std::string_view name = name_of(request);
    if (name == last) continue;
    if (names.size() + 1 + name.size() > kSpanTextBytesMax) break;
    if (!names.empty()) names += ' ';
    names += name;
    last = name;
  }
  return names;
}

/// What the exchange is for: the first statement that is no BEGIN.
std::string_view title_of(std::span<const postgres::Request> requests) {
  const bool begins = requests.front().kind == postgres::Request::Kind::Begin;
  return name_of(requests[begins && requests.size() > 1 ? 1 : 0]);
}

}  // namespace

SqlTracer::Begun SqlTracer::begin(std::span<const postgres::Request> requests, int backend_pid) {
  thread_local std::array<char, kTraceparentBytes> traceparent;
  const TraceContext& here = ScopedTrace::context();
  if (here.empty()) return {};
  Tracer* const tracer = ScopedTrace::tracer();
  if (tracer == nullptr) return {here.write_traceparent(traceparent), nullptr};
  const TraceContext context = child_of(here, tracer->random());
  Span span(tracer, context, title_of(requests), SpanKind::Client);
  span.set("db.system.name", "postgresql");
  span.set("db.query.summary", names_of(requests));
  span.set("db.operation.batch.size", static_cast<std::int64_t>(requests.size()));
  span.set("weir.backend_pid", std::int64_t{backend_pid});
  return {context.write_traceparent(traceparent), std::make_unique<TracedSpan>(std::move(span))};
}

}  // namespace weir::server
