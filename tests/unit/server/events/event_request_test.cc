// SPDX-License-Identifier: Apache-2.0
#include "server/events/event_request.h"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

HttpRequest request(const std::string& query, const std::string& last_event_id = "") {
  HttpRequest made{.method = "GET", .path = "/v1/events/stream", .query = query};
  if (!last_event_id.empty()) made.headers.push_back({"Last-Event-ID", last_event_id});
  return made;
}

TEST(EventRequest, AsksForWhatComesFromNowOnWhereNoPlaceIsGiven) {
  const auto asked = read_event_request(request(""));
  ASSERT_TRUE(asked.ok());
  EXPECT_FALSE(asked->after.has_value());
  EXPECT_TRUE(asked->wants({.number = 1, .type = "any", .world = "w", .envelope = "{}"}));
}

TEST(EventRequest, TakesItsPlaceFromTheHeaderBeforeTheQuery) {
  EXPECT_EQ(read_event_request(request("after=7"))->after, 7);
  EXPECT_EQ(read_event_request(request("after=7", "12"))->after, 12);
  EXPECT_EQ(read_event_request(request("after=0"))->after, 0);
}

TEST(EventRequest, RefusesAPlaceThatIsNoNumber) {
  for (const char* bad :
       {"after=x", "after=", "after=-1", "after=1.5", "after=7%20", "after=99999999999999999999"}) {
    const auto asked = read_event_request(request(bad));
    ASSERT_FALSE(asked.ok()) << bad;
    EXPECT_EQ(asked.error().reason(), "invalid_event_id") << bad;
  }
  EXPECT_FALSE(read_event_request(request("after=7", "seven")).ok());
}

TEST(EventRequest, IsNarrowedByTypesAndWorld) {
  const auto asked = read_event_request(request("types=a,,c&world=w1"));
  ASSERT_TRUE(asked.ok());
  EXPECT_TRUE(asked->wants({.number = 1, .type = "a", .world = "w1", .envelope = {}}));
  EXPECT_TRUE(asked->wants({.number = 1, .type = "c", .world = "w1", .envelope = {}}));
  EXPECT_FALSE(asked->wants({.number = 1, .type = "b", .world = "w1", .envelope = {}}));
  EXPECT_FALSE(asked->wants({.number = 1, .type = "a", .world = "w2", .envelope = {}}));
  EXPECT_FALSE(asked->wants({.number = 1, .type = "a", .world = {}, .envelope = {}}));
}

TEST(EventBlock, IsOneServerSentEvent) {
  EXPECT_EQ(
      event_block({.number = 41, .type = "queue_updated", .world = {}, .envelope = "{\"a\":1}"}),
      "id: 41\nevent: queue_updated\ndata: {\"a\":1}\n\n");
  EXPECT_EQ(reset_block(5), "event: reset\ndata: {\"oldest\":5}\n\n");
}

}  // namespace
}  // namespace weir::server
