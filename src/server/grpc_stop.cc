// SPDX-License-Identifier: Apache-2.0
#include "server/grpc_stop.h"

#include <chrono>

namespace weir::server {

void stop_grpc(grpc::Server& server, Duration span) {
  server.Shutdown(std::chrono::system_clock::now() + span);
}

}  // namespace weir::server
