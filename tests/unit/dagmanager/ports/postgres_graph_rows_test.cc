// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_graph_rows.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "base/random.h"
#include "drivers/postgres/errors.h"

namespace weir::dagmanager {
namespace {

std::vector<RowId> round_trip(const std::vector<RowId>& ids) {
  const std::string packed = pack_ids(ids);
  return unpack_ids(std::as_bytes(std::span(packed)));
}

TEST(PackIds, GivesBackWhatWasPacked) {
  EXPECT_EQ(round_trip({}), std::vector<RowId>());
  const std::vector<RowId> few = {1, 2, 127, 128, 129, 255, 256, 16'384, 16'511, 1'000'000};
  EXPECT_EQ(round_trip(few), few);
  const std::vector<RowId> far = {1, std::numeric_limits<RowId>::max()};
  EXPECT_EQ(round_trip(far), far);
}

TEST(PackIds, GivesBackRandomRisingIds) {
  base::SeededRandom random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<RowId> ids;
    RowId last = 0;
    for (std::uint64_t i = random.below(300); i > 0; --i) {
      last += 1 + static_cast<RowId>(random.next() >> (20 + random.below(43)));
      ids.push_back(last);
    }
    ASSERT_EQ(round_trip(ids), ids);
  }
}

TEST(PackIds, TakesAByteForANeighbour) {
  EXPECT_EQ(pack_ids(std::vector<RowId>{5, 6, 9}).size(), 3U);
}

TEST(UnpackIds, EndsOnBytesThatNobodyPacked) {
  base::SeededRandom random(8);
  for (int round = 0; round < 1000; ++round) {
    std::string bytes;
    for (std::uint64_t i = random.below(40); i > 0; --i) bytes += static_cast<char>(random.next());
    EXPECT_LE(unpack_ids(std::as_bytes(std::span(bytes))).size(), bytes.size());
  }
}

TEST(RangesText, NamesNeighboursTogether) {
  EXPECT_EQ(ranges_text({}), "{}");
  EXPECT_EQ(ranges_text({7}), "{[7,8)}");
  EXPECT_EQ(ranges_text({9, 3, 4, 5}), "{[3,6),[9,10)}");
  EXPECT_EQ(ranges_text({1, 1, 2}), "{[1,3)}");
}

TEST(ArrayText, QuotesEveryItem) {
  EXPECT_EQ(array_text({}), "{}");
  const std::vector<std::string> odd = {"a", "", "NULL", "b,c", "d\"e", "f\\g", "{h}"};
  EXPECT_EQ(array_text(odd), R"({"a","","NULL","b,c","d\"e","f\\g","{h}"})");
}

TEST(KeyHash, HasSixteenBytes) {
  EXPECT_EQ(key_hash("a").size(), 16U);
  EXPECT_EQ(key_hash("a"), key_hash("a"));
  EXPECT_NE(key_hash("a"), key_hash("b"));
}

TEST(ContextKey, TellsFieldsApart) {
  graph::ComputeContext one;
  one.world_id = "ab";
  graph::ComputeContext other;
  other.world_id = "a";
  other.execution_domain = "b";
  const graph::Namespace none;
  const graph::StrategyId who("s");
  EXPECT_NE(context_key({one, none, who}), context_key({other, none, who}));
  EXPECT_EQ(context_key({one, none, who}), context_key({one, none, who}));
  graph::ComputeContext safe = one;
  safe.safe_mode = true;
  EXPECT_NE(context_key({one, none, who}), context_key({safe, none, who}));
}

TEST(GraphError, SpeaksThePortsWords) {
  const auto reason = [](Code code, std::string_view word) {
    const Error error = graph_error({code, std::string(word), "text"});
    return std::string(base::code_name(error.code())) + " " + error.reason();
  };
  EXPECT_EQ(reason(Code::Unavailable, postgres::kCommitUnknown), "UNAVAILABLE commit_unknown");
  EXPECT_EQ(reason(Code::Unavailable, postgres::kPostgresUnavailable),
            "UNAVAILABLE graph_unavailable");
  EXPECT_EQ(reason(Code::DeadlineExceeded, postgres::kPostgresTimeout),
            "UNAVAILABLE graph_unavailable");
  EXPECT_EQ(reason(Code::ResourceExhausted, postgres::kPoolExhausted),
            "UNAVAILABLE graph_unavailable");
  EXPECT_EQ(reason(Code::AlreadyExists, postgres::kUniqueViolation), "ABORTED graph_moved");
  EXPECT_EQ(reason(Code::Aborted, postgres::kSerialization), "ABORTED graph_moved");
  EXPECT_EQ(reason(Code::Aborted, "graph_moved"), "ABORTED graph_moved");
  EXPECT_EQ(reason(Code::Internal, postgres::kPostgresError), "INTERNAL postgres_error");
}

}  // namespace
}  // namespace weir::dagmanager
