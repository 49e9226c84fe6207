// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/traffic_service.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace weir::dagmanager {
namespace {

TEST(TrafficService, ReadsTheBodyOfTheAdminRoute) {
  const auto request = read_weight_request(
      R"({"sentinel_id":"s","weight":0.25,"version":"v1","world_id":"w","expect_weight":1,"x":1})");
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->sentinel.text(), "s");
  EXPECT_EQ(request->version.text(), "v1");
  EXPECT_EQ(request->world, graph::WorldId("w"));
  EXPECT_EQ(request->weight, 0.25);
  EXPECT_EQ(request->expect, 1.0);
  const auto short_one = read_weight_request(R"({"sentinel_id":"s","weight":1,"world_id":null})");
  ASSERT_TRUE(short_one.ok());
  EXPECT_TRUE(short_one->version.empty());
  EXPECT_FALSE(short_one->expect.has_value());
  EXPECT_FALSE(short_one->world.has_value());
  EXPECT_EQ(read_weight_request(R"({"sentinel_id":"s","weight":1,"world_id":""})")->world,
            graph::WorldId())
      << "given, and empty: in no world";
  EXPECT_TRUE(std::isinf(read_weight_request(R"({"sentinel_id":"s","weight":1e999})")->weight));
}

TEST(TrafficService, RefusesABodyThatIsNoSuchObject) {
  for (const char* body :
       {"", "[]", "{", R"({"sentinel_id":"s"})", R"({"sentinel_id":1,"weight":0.5})",
        R"({"sentinel_id":"s","weight":"0.5"})", R"({"sentinel_id":"s","weight":true})",
        R"({"sentinel_id":"s","weight":0.5,"expect_weight":"x"})"}) {
    const auto request = read_weight_request(body);
    ASSERT_FALSE(request.ok()) << body;
    EXPECT_EQ(request.error().reason(), "missing_field") << body;
  }
}

TEST(TrafficService, WritesAWeightAsJson) {
  wire::TrafficWeight weight;
  weight.set_sentinel_id("s\"1");
  weight.set_version("v1");
  weight.set_weight(0.1);
  EXPECT_EQ(weight_json(weight),
            "{\"sentinel_id\":\"s\\\"1\",\"version\":\"v1\",\"weight\":0.1,\"world_id\":\"\","
            "\"previous_weight\":0}\n");
}

}  // namespace
}  // namespace weir::dagmanager
