// SPDX-License-Identifier: Apache-2.0
#include "server/grpc_status.h"

#include <gmock/gmock.h>
#include <grpcpp/test/server_context_test_spouse.h>

#include <string>

namespace weir::server {
namespace {

/// Bytes of the trailer that carries a message.
std::size_t bytes_on_the_wire(const std::string& message) {
  std::size_t bytes = 0;
  for (const char character : message) {
    bytes += character >= ' ' && character <= '~' && character != '%' ? 1 : 3;
  }
  return bytes;
}

TEST(GrpcStatus, CarriesCodeReasonAndText) {
  const grpc::Status status =
      grpc_status(base::failed_precondition("cross_context", "node n is of world w"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "cross_context: node n is of world w");
}

TEST(GrpcStatus, HasTheSameNumberForEveryCode) {
  for (int code = 1; code <= 16; ++code) {
    EXPECT_EQ(grpc_status(Error(static_cast<Code>(code), "w", "t")).error_code(), code);
  }
}

TEST(GrpcStatus, ListsFaultsLineByLine) {
  const Error error = base::invalid_argument("dag_shape", "1 fault")
                          .with_faults({{"missing_field", "/nodes/0/code_hash", "is missing"}});
  EXPECT_EQ(grpc_status(error).error_message(),
            "dag_shape: 1 fault\nmissing_field /nodes/0/code_hash: is missing");
}

TEST(GrpcStatus, FitsIntoTheMetadataLimitOfAClient) {
  std::string many;
  for (int count = 0; count < 4000; ++count) many += "\xE2\x82\xAC";
  for (const std::string& text :
       {std::string(100'000, 'x'), std::string(100'000, '%'), std::string(100'000, '\n'), many}) {
    const std::string message = grpc_status(base::not_found("w", text)).error_message();
    EXPECT_LE(bytes_on_the_wire(message), 6U * 1024);
    EXPECT_GT(bytes_on_the_wire(message), 6U * 1024 - 20);
    EXPECT_THAT(message, testing::EndsWith(" ..."));
  }
  const std::string cut = grpc_status(base::not_found("w", many)).error_message();
  EXPECT_THAT(cut, testing::EndsWith("\xE2\x82\xAC ..."));
  const std::string whole(6 * 1024 - 3, 'x');
  EXPECT_EQ(grpc_status(base::not_found("w", whole)).error_message(), "w: " + whole);
}

TEST(GrpcStatus, PutsTheReasonIntoTheTrailingMetadata) {
  grpc::ServerContext context;
  grpc::testing::ServerContextTestSpouse spouse(&context);
  const grpc::Status status = finish_with(context, base::unavailable("draining", "it drains"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  const auto metadata = spouse.GetTrailingMetadata();
  ASSERT_EQ(metadata.count("weir-reason"), 1U);
  EXPECT_EQ(metadata.find("weir-reason")->second, "draining");
}

TEST(GrpcStatus, ContinuesTheTraceOfTheCall) {
  base::SeededRandom random(1);
  grpc::ServerContext bare;
  EXPECT_TRUE(parse_traceparent(trace_of(bare, random).traceparent()));
  grpc::ServerContext context;
  grpc::testing::ServerContextTestSpouse spouse(&context);
  spouse.AddClientMetadata("traceparent",
                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  EXPECT_EQ(trace_of(context, random).trace_id, "0af7651916cd43dd8448eb211c80319c");
}

}  // namespace
}  // namespace weir::server
