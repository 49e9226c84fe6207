// SPDX-License-Identifier: Apache-2.0
#include "cli/client/grpc_fault.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(GrpcFault, IsCodeReasonAndAllFaultLines) {
  const Error error(Code::InvalidArgument, "missing_field",
                    "2 faults\nmissing_field /nodes/0/code_hash: give it\n"
                    "missing_field /nodes/1/code_hash: give it");
  EXPECT_EQ(describe_fault(error, "h:1"),
            "gRPC error: INVALID_ARGUMENT missing_field: 2 faults\n"
            "missing_field /nodes/0/code_hash: give it\n"
            "missing_field /nodes/1/code_hash: give it");
}

TEST(GrpcFault, SaysHowToMendThatNobodyAnswers) {
  EXPECT_EQ(describe_fault(Error(Code::Unavailable, "", "connection refused"), "host:9"),
            "gRPC error: UNAVAILABLE: connection refused\n"
            "No DAG manager answers at host:9: start one with `weir up`, or name another with "
            "--target.");
  EXPECT_EQ(describe_fault(Error(Code::Unavailable, "draining", "it stops"), "host:9"),
            "gRPC error: UNAVAILABLE draining: it stops");
}

}  // namespace
}  // namespace weir::cli
