// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher_user_api/user_listener.h"
#include "tests/unit/server/http/http_client.h"

namespace weir::test {
namespace {

class EventsTest : public testing::Test {
 protected:
  EventsTest() {
    // The seed's own event, so that numbers begin here.
    listener_.plane().script(
        "DELETE FROM state.control_events; DELETE FROM state.control_event_heads;");
  }
  /// Publishes events `first` to `last` of an organisation, as the relay does.
  void publish(Org org, int first, int last, const std::string& world = "live") {
    listener_.plane().script(
        seeded(org, "INSERT INTO state.control_event_heads (org_id, last_no) VALUES ({01}, " +
                        std::to_string(last) +
                        ") ON CONFLICT (org_id) DO UPDATE SET last_no = excluded.last_no;"
                        "INSERT INTO state.control_events (org_id, event_no, type, envelope)"
                        " SELECT {01}, n, 'dag_cutover', jsonb_build_object('n', n, 'data',"
                        " jsonb_build_object('world', '" +
                        world + "', 'org', '@')) FROM generate_series(" + std::to_string(first) +
                        ", " + std::to_string(last) + ") AS s (n);"));
    listener_.events().tell();
  }
  /// Asks for the stream as a subject and reads its head.
  server::SeenResponse follow(server::HttpClient& client, const std::string& query,
                              const std::string& subject = "reader-a") {
    client.send("GET /v1/events/stream?" + query +
                " HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer " + listener_.token(subject) +
                "\r\n\r\n");
    return client.read_head();
  }
  /// The next events, as many blanks-ended ones as `count`.
  static std::string read(server::HttpClient& client, int count) {
    std::string text;
    const auto events = [&text] {
      int seen = 0;
      for (std::size_t at = text.find("\n\n"); at != std::string::npos;
           at = text.find("\n\n", at + 2)) {
        ++seen;
      }
      return seen;
    };
    while (events() < count) {
      const std::string chunk = client.read_chunk();
      if (chunk.empty() || chunk == "(cut)") break;
      if (!chunk.starts_with(":")) text += chunk;
    }
    return text;
  }

  UserListener listener_;
};

TEST_F(EventsTest, GoesOnFromTheLastEventAReaderSaw) {
  publish(Org::A, 1, 3);
  server::HttpClient client(listener_.port());
  EXPECT_EQ(follow(client, "after=2").field("content-type"), "text/event-stream");
  EXPECT_EQ(read(client, 1),
            "id: 3\nevent: dag_cutover\ndata: {\"n\": 3, \"data\": {\"org\": \"a\", \"world\": "
            "\"live\"}}\n\n");
  publish(Org::A, 4, 4);
  EXPECT_TRUE(read(client, 1).starts_with("id: 4\n"));
}

TEST_F(EventsTest, TellsAReaderThatIsCutAThousandTimesEveryNumberOnceInOrder) {
  int published = 0;
  int seen = 0;
  for (int cut = 0; cut < 1'000; ++cut) {
    if (cut % 2 == 0) {
      ++published;
      publish(Org::A, published, published);
    }
    server::HttpClient client(listener_.port());
    ASSERT_EQ(follow(client, "after=" + std::to_string(seen)).status, 200);
    if (cut % 3 == 0 || seen == published) continue;  // cut before it reads
    const std::string text = read(client, 1);
    for (std::size_t at = text.find("id: "); at != std::string::npos; at = text.find("id: ", at)) {
      at += 4;
      ASSERT_EQ(std::stoi(text.substr(at)), ++seen);
    }
  }
  EXPECT_GT(seen, 400);
}

TEST_F(EventsTest, TellsAReaderOfItsOwnOrganisationOnly) {
  publish(Org::A, 1, 2);
  publish(Org::B, 1, 1);
  server::HttpClient client(listener_.port());
  follow(client, "after=0", "reader-b");
  const std::string seen = read(client, 1);
  EXPECT_TRUE(seen.starts_with("id: 1\n")) << seen;
  EXPECT_TRUE(seen.contains("\"org\": \"b\"")) << seen;
  publish(Org::A, 3, 3);
  publish(Org::B, 2, 2);
  EXPECT_TRUE(read(client, 1).starts_with("id: 2\n"));
}

TEST_F(EventsTest, ResetsAReaderWhoseEventsAreGone) {
  publish(Org::A, 1, 5);
  listener_.plane().script(
      seeded(Org::A, "DELETE FROM state.control_events WHERE org_id = {01} AND event_no <= 3;"));
  server::HttpClient client(listener_.port());
  follow(client, "after=1");
  EXPECT_TRUE(read(client, 3).starts_with("event: reset\ndata: {\"oldest\":4}\n\nid: 4\n"));
}

TEST_F(EventsTest, NarrowsToAWorld) {
  publish(Org::A, 1, 1, "live");
  publish(Org::A, 2, 2, "test");
  server::HttpClient client(listener_.port());
  follow(client, "after=0&world=test&types=dag_cutover");
  EXPECT_TRUE(read(client, 1).starts_with("id: 2\n"));
}

TEST_F(EventsTest, RefusesStrangersAndPlacesThatAreNone) {
  expect_problem(listener_.ask({.target = "/v1/events/stream"}), 401, "unauthenticated");
  expect_problem(listener_.get("/v1/events/stream", "gone-a"), 403, "not_a_member");
  expect_problem(listener_.get("/v1/events/stream?after=x"), 400, "invalid_event_id");
}

TEST_F(EventsTest, SendsReadersAwayWhenItStops) {
  publish(Org::A, 1, 1);
  server::HttpClient client(listener_.port());
  follow(client, "after=0");
  EXPECT_FALSE(read(client, 1).empty());
  listener_.events().stop();
  EXPECT_EQ(read(client, 1), "");
}

}  // namespace
}  // namespace weir::test
