// SPDX-License-Identifier: Apache-2.0
#include "server/config/secret.h"

#include <gtest/gtest.h>

#include <concepts>
#include <ostream>

namespace weir::server {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

TEST(Secret, CannotBePrintedComparedOrConverted) {
  static_assert(Printable<std::string>);
  static_assert(!Printable<Secret>);
  static_assert(!std::equality_comparable<Secret>);
  static_assert(!std::convertible_to<Secret, std::string>);
  EXPECT_EQ(Secret("hush").reveal(), "hush");
  EXPECT_EQ(Secret::shown(), "***");
}

TEST(Secret, LeavesNoPasswordInADsn) {
  const std::pair<std::string, std::string> cases[] = {
      {"postgresql://weir:hush@host:5432/db", "postgresql://weir:***@host:5432/db"},
      {"postgresql://weir@host/db", "postgresql://weir@host/db"},
      {"postgresql://host:5432/db", "postgresql://host:5432/db"},
      {"postgresql://weir:p@ss@host/db?x=a@b", "postgresql://weir:***@host/db?x=a@b"},
      {"postgresql:///db?host=/run&password=hush&user=w",
       "postgresql:///db?host=/run&password=***&user=w"},
      {"postgresql:///db?sslpassword=hush", "postgresql:///db?sslpassword=***"},
      {"host=/run user=weir password=hush dbname=x", "host=/run user=weir password=*** dbname=x"},
      {"Password = 'hu sh\\' s' host=x", "Password = *** host=x"},
      {"passfile=/x dbname=password", "passfile=/x dbname=password"},
      {"bolt+s://neo4j:neo4j@graph", "bolt+s://neo4j:***@graph"},
      {"kafka-1:9092,kafka-2:9092", "kafka-1:9092,kafka-2:9092"},
      {"", ""},
  };
  for (const auto& [dsn, shown] : cases) EXPECT_EQ(without_password(dsn), shown);
}

}  // namespace
}  // namespace weir::server
