// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/dsn.h"

#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace weir::postgres {
namespace {

TEST(Dsn, DescribesBothFormsWithoutThePassword) {
  const auto url = describe_dsn("postgresql://weir:hunter2@db.example:5433/graphs");
  const auto words =
      describe_dsn("host=db.example port=5433 dbname=graphs user=weir password=hunter2");
  ASSERT_TRUE(url.ok() && words.ok());
  EXPECT_EQ(*url, "weir@db.example:5433/graphs");
  EXPECT_EQ(*words, *url);
}

TEST(Dsn, RefusesWhatItCannotReadWithoutRepeatingIt) {
  for (const char* dsn : {"postgresq://weir:hunter2@db/graphs", "hunter2", "host='hunter2",
                          "postgresql://weir:hunter2@[::1/graphs", "nosuch=hunter2"}) {
    const auto parts = parse_dsn(dsn);
    ASSERT_FALSE(parts.ok()) << dsn;
    EXPECT_EQ(parts.error().reason(), "dsn_invalid");
    EXPECT_EQ(parts.error().describe().find("hunter2"), std::string::npos) << dsn;
  }
}

TEST(Dsn, ReadsServerSettings) {
  const auto parts = parse_dsn("postgresql:///graphs?options=-c%20geqo%3Doff");
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->options, "-c geqo=off");
  EXPECT_EQ(parts->database, "graphs");
}

TEST(Dsn, EncodesWhatAUrlWouldTakeApart) {
  EXPECT_EQ(base::percent_encode("/run/a b?&=%é"), "%2Frun%2Fa%20b%3F%26%3D%25%C3%A9");
  const auto parts = parse_dsn("postgresql://u@/d?host=" + base::percent_encode("/run/a b?&=%"));
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->host, "/run/a b?&=%");
}

TEST(Dsn, EscapesBlanksInSettings) { EXPECT_EQ(escape_option("a b\\c"), "a\\ b\\\\c"); }

}  // namespace
}  // namespace weir::postgres
