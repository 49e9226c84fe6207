// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::base {
namespace {

std::vector<Fault> many_faults(std::size_t count, std::size_t text_size) {
  return std::vector<Fault>(count, Fault{"cycle", "/nodes/1", std::string(text_size, 'x')});
}

TEST(Error, TellsReasonMessageAndEachFaultOnALine) {
  const Error error = invalid_argument("dag_shape", "2 faults")
                          .with_faults({{"dag_shape", "/nodes", "must be a list"},
                                        {"cycle", "/nodes/3", "reads itself"}});
  EXPECT_EQ(error.describe(),
            "dag_shape: 2 faults\ndag_shape /nodes: must be a list\ncycle /nodes/3: reads itself");
}

TEST(Error, TellsTwentyFaultsAndHowManyMore) {
  const std::string text =
      invalid_argument("cycle", "m").with_faults(many_faults(23, 1)).describe();
  EXPECT_EQ(std::ranges::count(text, '\n'), 21);
  EXPECT_TRUE(text.ends_with("\nand 3 more"));
}

TEST(Error, TellsAtMostFourKibibytesOfFaults) {
  const std::string text =
      invalid_argument("cycle", "m").with_faults(many_faults(10, 1000)).describe();
  EXPECT_LE(text.size(), kFaultBytesMax + std::string("\nand 10 more").size());
  EXPECT_TRUE(text.ends_with("\nand 6 more"));
}

TEST(Error, PutsWhatWasAttemptedInFront) {
  EXPECT_EQ(not_found("unknown_sentinel", "s1").prepend("redo diff").describe(),
            "unknown_sentinel: redo diff: s1");
}

TEST(Error, HasOneRowForEachCode) {
  EXPECT_EQ(grpc_code(Code::InvalidArgument), 3);
  EXPECT_EQ(code_name(Code::Unauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(code_name(Code::Cancelled), "CANCELLED");
  EXPECT_EQ(http_status(Code::InvalidArgument), 400);
  EXPECT_EQ(http_status(Code::Unauthenticated), 401);
  EXPECT_EQ(http_status(Code::PermissionDenied), 403);
  EXPECT_EQ(http_status(Code::NotFound), 404);
  EXPECT_EQ(http_status(Code::FailedPrecondition), 409);
  EXPECT_EQ(http_status(Code::ResourceExhausted), 429);
  EXPECT_EQ(http_status(Code::Unavailable), 503);
  EXPECT_EQ(http_status(Code::DeadlineExceeded), 504);
  EXPECT_EQ(http_status(Code::Internal), 500);
}

Result<int> half_of(int number) {
  if (number % 2 != 0) return invalid_argument("odd", "an odd number");
  return number / 2;
}

Result<int> quarter_of(int number) {
  WEIR_TRY(const int half, half_of(number));
  WEIR_CHECK(half_of(half));
  return half_of(half);
}

TEST(Result, PassesErrorsUpAndValuesOn) {
  EXPECT_EQ(*quarter_of(12), 3);
  EXPECT_EQ(quarter_of(6).error().reason(), "odd");
  EXPECT_FALSE(quarter_of(3).ok());
}

}  // namespace
}  // namespace weir::base
