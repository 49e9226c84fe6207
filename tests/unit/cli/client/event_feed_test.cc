// SPDX-License-Identifier: Apache-2.0
#include "cli/client/event_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::cli {
namespace {

const std::string kStream =
    ": up to date\n\nid: 7\nevent: queue_updated\ndata: {\"a\":1}\n\n: \n\n"
    "event: reset\ndata: {\"oldest\":9}\n\nid: 9\nevent: t\ndata: x: y\n\n";

/// What is told of a stream that comes in pieces of that size.
std::vector<std::string> told_in_pieces(std::size_t size) {
  std::vector<std::string> told;
  FeedReader reader([&told](const FeedEvent& event) -> Result<void> {
    told.push_back((event.number ? std::to_string(*event.number) : "-") + "|" + event.type + "|" +
                   event.data);
    return {};
  });
  for (std::size_t at = 0; at < kStream.size(); at += size) {
    EXPECT_TRUE(reader.add(std::string_view(kStream).substr(at, size)).ok());
  }
  return told;
}

TEST(EventFeed, TakesAStreamApartHoweverItIsCut) {
  for (std::size_t size = 1; size <= kStream.size(); ++size) {
    ASSERT_THAT(told_in_pieces(size),
                testing::ElementsAre("-||up to date", "7|queue_updated|{\"a\":1}", "-||",
                                     "-|reset|{\"oldest\":9}", "9|t|x: y"))
        << size;
  }
}

TEST(EventFeed, TellsNothingOfAnEventThatIsNotWhole) {
  int told = 0;
  FeedReader reader([&told](const FeedEvent& /*event*/) -> Result<void> {
    ++told;
    return {};
  });
  EXPECT_TRUE(reader.add("id: 1\nevent: t\ndata: {}\n").ok());
  EXPECT_EQ(told, 0);
  EXPECT_TRUE(reader.add("\n").ok());
  EXPECT_EQ(told, 1);
}

TEST(EventFeed, RefusesAnEventWhoseIdIsNoNumber) {
  FeedReader reader([](const FeedEvent& /*event*/) -> Result<void> { return {}; });
  const auto added = reader.add("id: x\ndata: {}\n\n");
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().reason(), "bad_event_stream");
}

}  // namespace
}  // namespace weir::cli
