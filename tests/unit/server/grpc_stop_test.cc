// SPDX-License-Identifier: Apache-2.0
#include "server/grpc_stop.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/server/http/http_client.h"

namespace weir::server {
namespace {

TEST(GrpcStop, ReturnsAtOnceWithoutCallsAndClosesTheListener) {
  grpc::ServerBuilder builder;
  grpc::CallbackGenericService service;  // a listener must serve something
  builder.RegisterCallbackGenericService(&service);
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_TRUE(server);
  EXPECT_TRUE(HttpClient(static_cast<std::uint16_t>(port)).connected());
  stop_grpc(*server, std::chrono::hours(1));
  EXPECT_FALSE(HttpClient(static_cast<std::uint16_t>(port)).connected());
}

}  // namespace
}  // namespace weir::server
