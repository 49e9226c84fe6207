// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_message.h"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

TEST(HttpMessage, FindsHeadersWhateverTheirCase) {
  const HttpRequest request = {.headers = {{"Accept", "a"}, {"ACCEPT", "b"}}};
  EXPECT_EQ(request.header("accept"), "a");
  EXPECT_FALSE(request.header("accept-language"));
}

TEST(HttpMessage, FindsAndDecodesQueryValues) {
  const HttpRequest request = {.query = "a=1&b=x%26y+z&c&%64=d&a=2&e=%zz"};
  EXPECT_EQ(request.query_value("a"), "1");
  EXPECT_EQ(request.query_value("b"), "x&y z");
  EXPECT_EQ(request.query_value("c"), "");
  EXPECT_EQ(request.query_value("d"), "d");
  EXPECT_FALSE(request.query_value("e"));
  EXPECT_FALSE(request.query_value("f"));
}

TEST(HttpMessage, DecodesPercentEncodings) {
  EXPECT_EQ(percent_decode("%41%c3%A9+"), "A\xC3\xA9+");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
  for (const char* broken : {"%", "%4", "%4g", "%-1", "% 1", "a%"}) {
    EXPECT_FALSE(percent_decode(broken)) << broken;
  }
}

TEST(HttpRequest, GivesParametersByName) {
  const HttpRequest request{.params = {{"dag", "a"}, {"id", "7"}}};
  EXPECT_EQ(request.param("dag"), "a");
  EXPECT_EQ(request.param("id"), "7");
}

TEST(HttpRequestDeathTest, StopsOnAParameterThatItsRouteLacks) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(HttpRequest{}.param("dag"), "assertion failed");
}

}  // namespace
}  // namespace weir::server
