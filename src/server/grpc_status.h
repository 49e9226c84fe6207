// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "base/random.h"
#include "server/tracing/trace_context.h"

namespace weir::server {

/// The status a call ends with: code of the error, message `describe()`, cut so that it fits into
/// a client's metadata limit after percent-encoding.
grpc::Status grpc_status(const Error& error);

/// The same, and the trailing metadata `weir-reason` on the call (contract section 1.1).
grpc::Status finish_with(grpc::ServerContextBase& context, const Error& error);

/// The caller's trace with a new span, from the metadata `traceparent`; else a new trace.
TraceContext trace_of(const grpc::ServerContextBase& context, Random& random);

}  // namespace weir::server
