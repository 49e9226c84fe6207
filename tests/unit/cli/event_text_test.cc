// SPDX-License-Identifier: Apache-2.0
#include "cli/event_text.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(EventText, IsWrittenForPeopleALineAnEvent) {
  const Paint plain(false);
  EXPECT_EQ(event_text({.number = 3,
                        .type = "queue_updated",
                        .data = R"({"time":"T","data":{"tags":["a","b"],"interval":60,)"
                                R"("match_mode":"any","queues":[{}],"world_id":"w1"}})"},
                       plain),
            "3  T  queue_updated  a,b every 60s (any): 1 queue  in w1\n");
  EXPECT_EQ(event_text({.number = 4,
                        .type = "sentinel_weight_updated",
                        .data = R"({"time":"T","data":{"sentinel_id":"s","sentinel_version":"v1",)"
                                R"("weight":0.5}})"},
                       plain),
            "4  T  sentinel_weight_updated  s v1: 0.5\n");
  EXPECT_EQ(event_text({.number = 5, .type = "other", .data = "no json"}, plain),
            "5  other  no json\n");
}

}  // namespace
}  // namespace weir::cli
