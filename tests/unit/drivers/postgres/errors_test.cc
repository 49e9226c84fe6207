// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/errors.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::postgres {
namespace {

struct Row {
  const char* sqlstate;
  Code code;
  std::string_view reason;
};

TEST(Errors, MapsEverySqlstateToItsCodeAndReason) {
  const Row rows[] = {
      {"08006", Code::Unavailable, kPostgresUnavailable},
      {"53300", Code::Unavailable, kPostgresUnavailable},
      {"57P01", Code::Unavailable, kPostgresUnavailable},
      {"57P02", Code::Unavailable, kPostgresUnavailable},
      {"57P03", Code::Unavailable, kPostgresUnavailable},
      {"25006", Code::Unavailable, kPostgresUnavailable},
      {"23505", Code::AlreadyExists, kUniqueViolation},
      {"40001", Code::Aborted, kSerialization},
      {"40P01", Code::Aborted, kSerialization},
      {"57014", Code::DeadlineExceeded, kPostgresTimeout},
      {"55P03", Code::DeadlineExceeded, kPostgresTimeout},
      {"WR007", Code::Aborted, "WR007"},
      {"57P04", Code::Internal, kPostgresError},
      {"22012", Code::Internal, kPostgresError},
      {"XX000", Code::Internal, kPostgresError},
  };
  for (const Row& row : rows) {
    const Error error = to_error({.sqlstate = row.sqlstate, .message = "why"});
    EXPECT_EQ(error.code(), row.code) << row.sqlstate;
    EXPECT_EQ(error.reason(), row.reason) << row.sqlstate;
    EXPECT_NE(error.message().find("why"), std::string::npos) << row.sqlstate;
  }
}

TEST(Errors, CallsAnyFatalErrorUnavailable) {
  const Error error = to_error({.sqlstate = "25P03", .message = "idle", .fatal = true});
  EXPECT_EQ(error.reason(), kPostgresUnavailable);
}

TEST(Errors, NamesTheViolatedConstraint) {
  const Error error =
      to_error({.sqlstate = "23505", .constraint = "compute_pk", .message = "duplicate key"});
  EXPECT_EQ(error.message(), "unique constraint compute_pk: duplicate key");
}

TEST(Errors, KeepsTheValuesOfRowsOutOfTheMessage) {
  const Error error =
      to_error({.sqlstate = "23503", .message = "violated", .detail = "Key (a)=(secret)"});
  EXPECT_EQ(error.message().find("secret"), std::string::npos);
}

}  // namespace
}  // namespace weir::postgres
