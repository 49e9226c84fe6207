// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "drivers/postgres/exchange_tracer.h"

namespace weir::server {

/// Continues the trace of this thread's call (ScopedTrace) into PostgreSQL: its `traceparent` goes
/// along as a comment, and where steps are told of, each exchange is a client span. Any thread.
class SqlTracer final : public postgres::ExchangeTracer {
 public:
  Begun begin(std::span<const postgres::Request> requests, int backend_pid) override;
};

}  // namespace weir::server
