// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"

namespace weir::cli {

/// A failed call as an Error: code, reason word (trailing metadata `weir-reason`, empty where the
/// transport failed), and the message with all its fault lines, the reason not repeated in front.
Error error_of(const grpc::Status& status, const grpc::ClientContext& context);

/// "gRPC error: <CODE> <reason>: <message>", with a hint where nobody answers at `target`.
std::string describe_fault(const Error& error, const std::string& target);

}  // namespace weir::cli
