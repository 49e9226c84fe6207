// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/ack_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/random.h"
#include "dagmanager/core/limits.h"
#include "tests/unit/base/test_seed.h"
#include "tests/unit/dagmanager/core/ack_world.h"

namespace weir::dagmanager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Mode = AckClient::Mode;

const graph::SentinelId kSentinel("s-sentinel");
constexpr Duration kTimeout = seconds(30);

/// Sends as many chunks as the window takes.
std::uint32_t fill(AckWindows& windows, StreamId stream, Duration now, std::uint32_t from = 1) {
  std::uint32_t chunk = from;
  while (windows.may_send(stream)) windows.sent(stream, chunk++, now);
  return chunk - from;
}

TEST(AckWindows, LetsTenChunksGoUnacknowledged) {
  AckWindows windows(kTimeout);
  const StreamId stream = windows.open(kSentinel, "p");
  EXPECT_EQ(fill(windows, stream, {}), 10U);
  AckChanges changes;
  EXPECT_TRUE(windows.acknowledged(kSentinel, "p", 0, {}, changes));
  EXPECT_THAT(changes.released, ElementsAre(stream));
  EXPECT_TRUE(windows.may_send(stream));
  EXPECT_EQ(windows.unacknowledged(stream), 9U);
}

TEST(AckWindows, EndsAStreamWhoseWindowStaysFull) {
  AckWindows windows(kTimeout);
  const StreamId stream = windows.open(kSentinel, "p");
  fill(windows, stream, seconds(5));
  EXPECT_EQ(windows.next_due(), seconds(35));
  EXPECT_THAT(windows.due(seconds(35) - Duration(1)).timed_out, IsEmpty());
  EXPECT_THAT(windows.due(seconds(35)).timed_out, ElementsAre(stream));
  EXPECT_EQ(windows.open_streams(), 0U);
  EXPECT_FALSE(windows.may_send(stream));
  EXPECT_EQ(windows.next_due(), std::nullopt);
}

TEST(AckWindows, NeverEndsAStreamWhoseWindowIsNotFull) {
  AckWindows windows(kTimeout);
  const StreamId stream = windows.open(kSentinel, "p");
  windows.sent(stream, 1, {});
  EXPECT_EQ(windows.next_due(), std::nullopt);
  EXPECT_THAT(windows.due(std::chrono::hours(1)).timed_out, IsEmpty());
}

TEST(AckWindows, CountsTheTimeoutFromTheLastCredit) {
  AckWindows windows(kTimeout);
  const StreamId stream = windows.open(kSentinel, "p");
  fill(windows, stream, {});
  AckChanges changes;
  windows.acknowledged(kSentinel, "p", 0, seconds(29), changes);
  fill(windows, stream, seconds(29), 11);
  EXPECT_THAT(windows.due(seconds(58)).timed_out, IsEmpty());
  EXPECT_THAT(windows.due(seconds(59)).timed_out, ElementsAre(stream));
}

TEST(AckWindows, CreditsTheStreamsOfOneGroupInTurn) {
  AckWindows windows(kTimeout);
  const StreamId one = windows.open(kSentinel, "p");
  const StreamId two = windows.open(kSentinel, "p");
  for (const StreamId stream : {one, two}) windows.sent(stream, 1, {});
  for (const StreamId stream : {one, two}) windows.sent(stream, 2, {});
  AckChanges changes;
  for (int i = 0; i < 2; ++i) windows.acknowledged(kSentinel, "p", 0, {}, changes);
  EXPECT_EQ(windows.unacknowledged(one), 1U);
  EXPECT_EQ(windows.unacknowledged(two), 1U);
}

TEST(AckWindows, CreditsTheStreamThatOwesTheNamedChunk) {
  AckWindows windows(kTimeout);
  const StreamId one = windows.open(kSentinel, "p");
  const StreamId two = windows.open(kSentinel, "p");
  windows.sent(one, 1, {});
  windows.sent(two, 7, {});
  windows.sent(two, 8, {});
  AckChanges changes;
  EXPECT_TRUE(windows.acknowledged(kSentinel, "p", 8, {}, changes));
  EXPECT_THAT(changes.released, ElementsAre(two));
  EXPECT_EQ(windows.unacknowledged(two), 1U);
  EXPECT_FALSE(windows.acknowledged(kSentinel, "p", 8, {}, changes)) << "nobody owes it any more";
  EXPECT_EQ(windows.unacknowledged(one), 1U);
}

TEST(AckWindows, KeepsConnectionsApart) {
  AckWindows windows(kTimeout);
  const StreamId one = windows.open(kSentinel, "p");
  const StreamId two = windows.open(kSentinel, "q");
  windows.sent(one, 1, {});
  windows.sent(two, 1, {});
  AckChanges changes;
  EXPECT_TRUE(windows.acknowledged(kSentinel, "q", 0, {}, changes));
  EXPECT_EQ(windows.unacknowledged(one), 1U);
  EXPECT_EQ(windows.unacknowledged(two), 0U);
}

TEST(AckWindows, TakesAnAckOfAnotherConnectionWhereItsOwnHasNoStream) {
  AckWindows windows(kTimeout);
  const StreamId stream = windows.open(kSentinel, "p");
  windows.sent(stream, 1, {});
  AckChanges changes;
  EXPECT_TRUE(windows.acknowledged(kSentinel, "elsewhere", 0, {}, changes));
  EXPECT_EQ(windows.unacknowledged(stream), 0U);
}

TEST(AckWindows, KnowsNothingOfOtherSentinels) {
  AckWindows windows(kTimeout);
  const StreamId stream = windows.open(kSentinel, "p");
  windows.sent(stream, 1, {});
  AckChanges changes;
  for (const char* other : {"s", "s-sentinel2", "r-sentinel", "t-sentinel", ""}) {
    EXPECT_FALSE(windows.acknowledged(graph::SentinelId(other), "p", 0, {}, changes)) << other;
  }
  EXPECT_EQ(windows.unacknowledged(stream), 1U);
}

TEST(AckWindows, LetsAnEndedStreamTakeItsPartUntilItIsPaidOrOld) {
  AckWindows windows(kTimeout);
  const StreamId ended = windows.open(kSentinel, "p");
  windows.sent(ended, 1, {});
  windows.sent(ended, 2, {});
  windows.ended(ended, {});
  EXPECT_EQ(windows.open_streams(), 0U);
  AckChanges changes;
  EXPECT_TRUE(windows.acknowledged(kSentinel, "p", 0, {}, changes));
  EXPECT_THAT(changes.released, IsEmpty());
  EXPECT_EQ(windows.next_due(), kAckEndedStream);
  EXPECT_THAT(windows.due(kAckEndedStream).timed_out, IsEmpty()) << "it ended well";
  EXPECT_FALSE(windows.acknowledged(kSentinel, "p", 0, kAckEndedStream, changes)) << "a late ACK";
  EXPECT_EQ(windows.next_due(), std::nullopt);
}

TEST(AckWindows, ForgetsACancelledStreamAtOnce) {
  AckWindows windows(kTimeout);
  const StreamId stream = windows.open(kSentinel, "p");
  windows.sent(stream, 1, {});
  windows.cancelled(stream);
  windows.cancelled(stream);
  AckChanges changes;
  EXPECT_FALSE(windows.acknowledged(kSentinel, "p", 0, {}, changes));
  EXPECT_EQ(windows.open_streams(), 0U);
}

TEST(AckWindows, IgnoresWhatItDoesNotKnow) {
  AckWindows windows(kTimeout);
  windows.sent(77, 1, {});
  windows.ended(77, {});
  windows.cancelled(77);
  EXPECT_FALSE(windows.may_send(77));
  EXPECT_EQ(windows.unacknowledged(77), 0U);
}

TEST(AckWindows, ProbesTheMembersOfAStalledGroupOneAtATime) {
  AckWindows windows(kTimeout);
  const StreamId one = windows.open(kSentinel, "p");
  const StreamId two = windows.open(kSentinel, "p");
  fill(windows, one, {});
  fill(windows, two, {});
  EXPECT_EQ(windows.next_due(), kAckStall);
  EXPECT_THAT(windows.due(kAckStall).released, ElementsAre(one));
  EXPECT_EQ(fill(windows, one, kAckStall, 11), 1U);
  EXPECT_FALSE(windows.may_send(two));
  EXPECT_THAT(windows.due(2 * kAckStall).released, ElementsAre(two)) << "the first brought nothing";
  EXPECT_EQ(windows.unacknowledged(one), 10U) << "the chunk more is written off";
  EXPECT_EQ(fill(windows, two, 2 * kAckStall, 11), 1U);
  AckChanges changes;
  EXPECT_TRUE(windows.acknowledged(kSentinel, "p", 0, 2 * kAckStall, changes));
  EXPECT_THAT(changes.released, ElementsAre(two));
  EXPECT_EQ(windows.unacknowledged(two), 0U) << "it has read all it was sent";
  EXPECT_EQ(windows.unacknowledged(one), 10U);
}

TEST(AckWindows, CreditsTheDoubtedOnlyWhenNobodyElseOwes) {
  AckWindows windows(kTimeout);
  const StreamId silent = windows.open(kSentinel, "p");
  const StreamId alive = windows.open(kSentinel, "p");
  fill(windows, silent, {});
  fill(windows, alive, {});
  windows.due(kAckStall);
  windows.due(2 * kAckStall);
  fill(windows, alive, 2 * kAckStall, 11);
  AckChanges changes;
  windows.acknowledged(kSentinel, "p", 0, 2 * kAckStall, changes);
  fill(windows, alive, 2 * kAckStall, 12);
  for (int i = 0; i < 10; ++i) {
    windows.acknowledged(kSentinel, "p", 0, 2 * kAckStall, changes);
    EXPECT_EQ(windows.unacknowledged(silent), 10U);
  }
  EXPECT_EQ(windows.unacknowledged(alive), 0U);
  windows.acknowledged(kSentinel, "p", 0, 2 * kAckStall, changes);
  EXPECT_EQ(windows.unacknowledged(silent), 9U);
}

TEST(AckWindows, TakesANamedAckOfAnotherForNoAnswerToTheProbe) {
  AckWindows windows(kTimeout);
  const StreamId probed = windows.open(kSentinel, "p");
  const StreamId other = windows.open(kSentinel, "p");
  fill(windows, probed, {});
  fill(windows, other, {}, 101);
  windows.due(kAckStall);
  fill(windows, probed, kAckStall, 11);
  AckChanges changes;
  EXPECT_TRUE(windows.acknowledged(kSentinel, "p", 101, kAckStall, changes));
  EXPECT_EQ(windows.unacknowledged(other), 9U);
  EXPECT_EQ(windows.unacknowledged(probed), 11U);
  EXPECT_TRUE(windows.acknowledged(kSentinel, "p", 11, kAckStall, changes));
  EXPECT_EQ(windows.unacknowledged(probed), 0U);
}

TEST(AckWindows, DoesNotProbeAStreamThatWasAlwaysAlone) {
  AckWindows windows(kTimeout);
  const StreamId stream = windows.open(kSentinel, "p");
  EXPECT_EQ(fill(windows, stream, {}), 10U);
  for (int second = 1; second < 30; ++second) {
    EXPECT_THAT(windows.due(seconds(second)).released, IsEmpty());
  }
  EXPECT_THAT(windows.due(seconds(30)).timed_out, ElementsAre(stream));
}

TEST(AckWindows, ProbesAStreamWhoseCreditsWentToOneThatHasLeft) {
  AckWindows windows(kTimeout);
  const StreamId thief = windows.open(kSentinel, "p");
  const StreamId alive = windows.open(kSentinel, "p");
  fill(windows, thief, {});
  fill(windows, alive, {});
  windows.cancelled(thief);
  EXPECT_EQ(windows.next_due(), kAckStall);
  EXPECT_THAT(windows.due(kAckStall).released, ElementsAre(alive));
}

std::string describe(const std::vector<AckClient>& clients) {
  std::string text;
  for (const AckClient& client : clients) {
    text += client.mode == Mode::Silent        ? "silent "
            : client.mode == Mode::Cancels     ? "cancels "
            : client.delay > seconds(1)        ? "very-slow "
            : client.delay > milliseconds(100) ? "slow "
                                               : "live ";
  }
  return text;
}

/// Contract section 3.8: each live stream ends complete, silent ones alone time out.
void expect_fair(AckWorld& world) {
  SCOPED_TRACE(describe(world.clients()));
  ASSERT_TRUE(world.run()) << "it never comes to rest";
  for (const AckClient& client : world.clients()) {
    switch (client.mode) {
      case Mode::Reads:
        EXPECT_TRUE(client.complete()) << "stream " << client.stream << " read " << client.read;
        EXPECT_FALSE(client.timed_out);
        break;
      case Mode::Silent:
        // Ten chunks a member, and one more a probe, may all go to one.
        EXPECT_TRUE(client.timed_out || 11 * world.clients().size() >= client.chunks)
            << "stream " << client.stream << " was sent " << client.sent;
        break;
      case Mode::Cancels:
        EXPECT_TRUE(client.cancelled || client.complete());
        EXPECT_FALSE(client.timed_out);
        break;
    }
  }
  EXPECT_LE(world.most_over_window(), 1);
  EXPECT_LE(world.most_of_one(), 11U);
  EXPECT_EQ(world.windows().open_streams(), 0U);
  EXPECT_EQ(world.windows().next_due(), std::nullopt);
}

AckClient client_of(int kind) {
  switch (kind) {
    case 0:
      return {};
    case 1:
      return {.delay = milliseconds(700)};
    case 2:
      return {.mode = Mode::Silent};
    default:
      return {.mode = Mode::Cancels, .delay = milliseconds(3)};
  }
}

TEST(AckWindows, LetsEveryLiveStreamEndCompleteInEveryMixOfUpToFour) {
  for (int members = 1; members <= 4; ++members) {
    const int mixes = 1 << (2 * members);
    for (int mix = 0; mix < mixes; ++mix) {
      std::vector<AckClient> clients;
      for (int i = 0; i < members; ++i) clients.push_back(client_of((mix >> (2 * i)) & 3));
      AckWorld world(clients);
      expect_fair(world);
      ASSERT_FALSE(::testing::Test::HasFailure());
    }
  }
}

TEST(AckWindows, LetsEveryLiveStreamEndCompleteBesideManySilentOnes) {
  for (const std::size_t place : {0U, 20U, 39U}) {
    std::vector<AckClient> clients(40, client_of(2));
    clients[place] = client_of(0);
    AckWorld world(clients);
    expect_fair(world);
  }
}

TEST(AckWindows, LetsEveryLiveStreamEndCompleteInRandomMixes) {
  const std::uint64_t first = base::test_seed(1);
  for (std::uint64_t seed = first; seed < first + 2000; ++seed) {
    base::SeededRandom random(seed);
    std::vector<AckClient> clients;
    const std::size_t members = 2 + random.below(9);
    for (std::size_t i = 0; i < members; ++i) {
      AckClient client = client_of(static_cast<int>(random.below(4)));
      if (client.mode != Mode::Silent) client.delay = milliseconds(1 + random.below(900));
      client.cancels_after = 1 + static_cast<std::uint32_t>(random.below(12));
      client.starts = milliseconds(random.below(3) * random.below(2000));
      client.sentinel = random.chance(20) ? "other-sentinel" : "s-sentinel";
      client.connection = random.chance(20) ? "peer-2" : "peer-1";
      clients.push_back(client);
    }
    AckWorld world(clients);
    expect_fair(world);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "WEIR_TEST_SEED=" << seed;
  }
}

// Slower than a probe waits, an ACK may be taken for another member's. Still nobody who reads is
// cut off, and nobody is owed more than the bound.
TEST(AckWindows, CutsOffNobodyWhoReadsHoweverSlowly) {
  const std::uint64_t first = base::test_seed(1);
  for (std::uint64_t seed = first; seed < first + 2000; ++seed) {
    base::SeededRandom random(seed);
    std::vector<AckClient> clients;
    const std::size_t members = 2 + random.below(5);
    for (std::size_t i = 0; i < members; ++i) {
      AckClient client = client_of(static_cast<int>(random.below(4)));
      if (client.mode != Mode::Silent) client.delay = milliseconds(1 + random.below(4000));
      client.names_chunks = random.chance(25);
      clients.push_back(client);
    }
    AckWorld world(clients);
    SCOPED_TRACE(describe(clients));
    ASSERT_TRUE(world.run());
    for (const AckClient& client : world.clients()) {
      if (client.mode == Mode::Silent) continue;
      EXPECT_FALSE(client.timed_out) << "stream " << client.stream << " read " << client.read;
      EXPECT_TRUE(client.cancelled || client.complete());
    }
    EXPECT_LE(world.most_over_window(), 1);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "WEIR_TEST_SEED=" << seed;
  }
}

}  // namespace
}  // namespace weir::dagmanager
