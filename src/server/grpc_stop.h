// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/server.h>

#include "base/clock.h"

namespace weir::server {

/// Takes no new calls, lets running ones end within `span`, cancels the rest and returns when all
/// are gone. gRPC counts this deadline on the real clock.
void stop_grpc(grpc::Server& server, Duration span);

}  // namespace weir::server
